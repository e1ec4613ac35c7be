"""A webhook on loopback that keeps what it was sent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """(seconds since the epoch, path with query, the JSON) of each message, in order."""

    url: str = ""
    answer: int = 200
    messages: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def subjects(self) -> list[str]:
        return [message["title"] for _, _, message in self.messages]

    def wait_for(
        self, subject: str, seconds: float = 120, since: int = 0
    ) -> tuple[float, dict[str, Any]]:
        """The first message of that subject, counted from the message number `since`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for at, _, message in self.messages[since:]:
                if message["title"] == subject:
                    return at, message
            time.sleep(0.2)
        raise AssertionError(f"no message {subject!r} in {seconds:g} s; came: {self.subjects}")


@contextmanager
def receiver() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.messages.append((time.time(), self.path, json.loads(body)))
            self.send_response(found.answer)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()

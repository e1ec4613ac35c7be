"""A JSON service on loopback, and what was asked of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

Reply = tuple[int, dict[str, str], Any]  # status, headers, an object for JSON or bytes


class Answers(Protocol):
    """What a service does. `address` is set when it runs."""

    address: str

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:
        """The reply to one request; `headers` of the request are under "headers" of the query."""


@contextmanager
def serving(service: Answers) -> Iterator[str]:
    """The address at which the service answers, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"null")
            query["authorization"] = self.headers.get("Authorization", "")
            status, headers, reply = service.answer(self.command, parts.path, query, body)
            data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET

        def log_message(self, *words: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service.address
    finally:
        server.shutdown()
        server.server_close()

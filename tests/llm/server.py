"""A chat endpoint on the loopback, with faults to order."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# What a request is answered with: status and body.
Answer = tuple[int, bytes]
Reply = Callable[[dict[str, Any]], Answer]


class ChatEndpoint:
    """Answers with `replies` first, one a request, then with `otherwise`. Keeps what it got."""

    def __init__(self, otherwise: Reply) -> None:
        self.otherwise = otherwise
        self.replies: list[Reply] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.url = ""

    def answer(self, request: dict[str, Any]) -> Answer:
        return (self.replies.pop(0) if self.replies else self.otherwise)(request)


def says(text: str) -> Reply:
    """A well-formed answer with that text."""

    def reply(request: dict[str, Any]) -> Answer:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": request["model"]}
        return 200, json.dumps(body | {"choices": [choice]}).encode()

    return reply


def judges(verdict: str, reason: str = "because") -> Reply:
    """A judge's answer."""
    return says(json.dumps({"verdict": verdict, "reason": reason}))


def status(code: int, text: str = "no") -> Reply:
    return lambda _: (code, json.dumps({"error": {"message": text}}).encode())


def raw(content: bytes) -> Reply:
    return lambda _: (200, content)


def hang(seconds: float) -> Reply:
    def reply(request: dict[str, Any]) -> Answer:
        time.sleep(seconds)
        return judges("right")(request)

    return reply


@contextmanager
def serving(otherwise: Reply | None = None) -> Iterator[ChatEndpoint]:
    endpoint = ChatEndpoint(otherwise or judges("right"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.requests.append(request | {"path": self.path})
            endpoint.keys.append(self.headers["Authorization"])
            code, content = endpoint.answer(request)
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("retry-after-ms", "20")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that gave up
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield endpoint
    server.shutdown()
    server.server_close()

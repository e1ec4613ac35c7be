"""An embeddings endpoint on the loopback, with faults to order."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

# What a fault answers: status, headers, body. None leaves it to the working answer.
Answer = tuple[int, dict[str, str], bytes]
Fault = Callable[[dict[str, Any]], Answer | None]
DIMENSION = 4
HASHED = 32  # bytes of a SHA-256, a number of the vector each
Vector = Callable[[str, int], list[float]]


def vector(text: str, dimension: int = DIMENSION) -> list[float]:
    """A vector that tells its text: its length first."""
    return [float(len(text)), 1.0, *[0.5] * (dimension - 2)]


def hashed(text: str, dimension: int = HASHED) -> list[float]:
    """A direction of its own for each text, as a hash gives it."""
    return [byte / 128 - 1 for byte in hashlib.sha256(text.encode()).digest()[:dimension]]


class Endpoint:
    """Answers with `faults` first, one a request, then properly. Keeps what it was asked."""

    def __init__(self, vector: Vector = vector) -> None:
        self._vector = vector
        self.faults: list[Fault] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def answer(self, request: dict[str, Any]) -> Answer:
        fault = self.faults.pop(0) if self.faults else None
        answer = fault(request) if fault else None
        return answer or (200, {}, body(request, vector=self._vector))

    @property
    def inputs(self) -> list[list[str]]:
        return [request["input"] for request in self.requests]


def items(request: dict[str, Any], vector: Vector = vector) -> list[dict[str, Any]]:
    made = []
    for index, text in enumerate(request["input"]):
        numbers: Any = vector(text, request.get("dimensions", DIMENSION))
        if request["encoding_format"] == "base64":
            packed = np.asarray(numbers, dtype="<f4").tobytes()
            numbers = base64.b64encode(packed).decode("ascii")
        made.append({"object": "embedding", "index": index, "embedding": numbers})
    return made


def body(
    request: dict[str, Any],
    change: Callable[[list[Any]], list[Any]] = list,
    vector: Vector = vector,
) -> bytes:
    data = {"object": "list", "model": request["model"], "data": change(items(request, vector))}
    return json.dumps(data | {"usage": {"prompt_tokens": 1, "total_tokens": 1}}).encode()


def status(code: int, headers: dict[str, str] | None = None, text: str = "no") -> Fault:
    return lambda _: (code, headers or {}, json.dumps({"error": {"message": text}}).encode())


def changed(change: Callable[[list[Any]], list[Any]]) -> Fault:
    return lambda request: (200, {}, body(request, change))


def raw(content: bytes) -> Fault:
    return lambda _: (200, {}, content)


def hang(seconds: float) -> Fault:
    def wait(_: dict[str, Any]) -> None:
        time.sleep(seconds)

    return wait


@contextmanager
def serving(vector: Vector = vector) -> Iterator[Endpoint]:
    endpoint = Endpoint(vector)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            request = json.loads(self.rfile.read(length))
            endpoint.requests.append(request | {"path": self.path})
            endpoint.keys.append(self.headers["Authorization"])
            endpoint.headers.append({name.lower(): value for name, value in self.headers.items()})
            code, headers, content = endpoint.answer(request)
            self.send_response(code)
            sent = {"Content-Type": "application/json", "Content-Length": str(len(content))}
            for name, value in (sent | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that gave up
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield endpoint
    server.shutdown()
    server.server_close()


@contextmanager
def hashing() -> Iterator[dict[str, str]]:
    """Vectors of hashes for a while: the environment of a process that embeds with them."""
    with serving(hashed) as endpoint:
        yield {
            "ALMANAC_EMBEDDER__PROVIDER": "openai",
            "ALMANAC_EMBEDDER__MODEL": "hash",
            "ALMANAC_EMBEDDER__BASE_URL": endpoint.url,
            "ALMANAC_EMBEDDER__DIMENSION": str(HASHED),
            "OPENAI_API_KEY": "none",
        }


class Limits:
    """What an endpoint will not take: a fault for each of its requests.

    texts: more in a request are refused with `code`. tokens: longer texts are refused, a token
    being a word. base64, dimensions: whether they are taken. vague: it does not say why.
    """

    def __init__(
        self,
        *,
        texts: int | None = None,
        tokens: int | None = None,
        base64: bool = True,
        dimensions: bool = True,
        vague: bool = False,
        code: int = 400,
    ) -> None:
        self.texts, self.tokens, self.code, self.vague = texts, tokens, code, vague
        self.base64, self.dimensions = base64, dimensions

    def __call__(self, request: dict[str, Any]) -> Answer | None:
        longest = max(len(text.split()) for text in request["input"])
        if not self.base64 and request["encoding_format"] == "base64":
            return self._refusal("encoding_format base64 is not supported")
        if not self.dimensions and "dimensions" in request:
            return self._refusal("this model has no matryoshka: dimensions not allowed")
        if self.texts is not None and len(request["input"]) > self.texts:
            return self._refusal(f"batch size {len(request['input'])} > {self.texts}")
        if self.tokens is not None and longest > self.tokens:
            return self._refusal(f"Input is longer than the maximum of {self.tokens} tokens")
        return None

    def _refusal(self, message: str) -> Answer:
        return status(self.code, text="bad request" if self.vague else message)({}) or (0, {}, b"")


class Always(list[Fault]):
    """The same fault for every request."""

    def __init__(self, fault: Fault) -> None:
        super().__init__([fault])

    def pop(self, _: Any = -1) -> Fault:
        return self[0]

"""Models for tests: an OpenAI-compatible endpoint whose chat model says what a question orders.

It answers with the last line of the first passage and cites it. A word in the question orders
otherwise: INVENTED says what no passage says, UNKNOWN that it does not know, LONG two hundred
sentences, SLOW waits before each word, BROKEN fails with 500, SILENT says nothing for a minute,
CUT ends without a word of why, TORN loses the connection after its words, NONSENSE sends choices,
figures and characters that no endpoint may; LOOP says one sentence again and again. A model whose
name has `small` does not know at WEAK, and fails at DOWN. Its embedder counts words, so that texts
with the same words are near each other.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_SECONDS = 0.05  # before each word
DIMENSION = 64
_PASSAGE = re.compile(r"^\[1\] (.*?)(?=^\[2\] |^Question: )", re.M | re.S)
_QUESTION = re.compile(r"^Question: (.*)$", re.M)


class StubModel:
    """What the endpoint was asked. `gone` counts clients that left in the middle of an answer."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.gone = 0
        self.url = ""

    def words(self, asked: dict[str, Any]) -> list[str]:
        """The answer to a request, word by word."""
        content = asked["messages"][-1]["content"]
        if "Rewrite the user's last message" in asked["messages"][0]["content"]:
            return ["What ", "about ", "backups?"]
        question = (_QUESTION.findall(content) or [content])[-1]
        passage = _PASSAGE.search(content)
        sentence = passage[1].strip().splitlines()[-1].rstrip(".") if passage else "Nothing"
        if "INVENTED" in question:
            text = "The moon consists of green cheese and old bread."
        elif "UNKNOWN" in question or ("WEAK" in question and "small" in asked["model"]):
            text = "I don't know."
        elif "LOOP" in question:
            text = f"{sentence} [1]. " * 200
        elif "LONG" in question:
            text = " ".join(f"{sentence} {number} [1]." for number in range(200))
        else:
            text = f"{sentence} [1]."
        return re.findall(r"\S+\s*", text)


def vector(text: str) -> list[float]:
    """How often words occur, each counted at a place that its hash gives; one place is always 1."""
    counts = [0.0] * DIMENSION
    counts[0] = 1.0
    for word in re.findall(r"\w+", text.casefold()):
        counts[1 + sha256(word.encode()).digest()[0] % (DIMENSION - 1)] += 1.0
    return counts


@contextmanager
def stub_model() -> Iterator[StubModel]:
    """The endpoint on the loopback, at `url`."""
    model = StubModel()
    server = _Server(model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield model
    server.shutdown()
    server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # a client that is not queued tries again after whole seconds

    def __init__(self, model: StubModel) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model

    def handle_error(self, *_: Any) -> None:
        """Clients give up, on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its header
    server: _Server

    @property
    def _model(self) -> StubModel:
        return self.server.model

    def do_POST(self) -> None:
        """Answer as the question orders."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/embeddings"):
            self._answer(200, _embeddings(asked))
            return
        self._model.requests.append(asked)
        question = str(asked["messages"][-1]["content"]).rpartition("Question: ")[2]
        if "SILENT" in question:
            time.sleep(60)
        if "BROKEN" in question or ("DOWN" in question and "small" in asked["model"]):
            self._answer(500, {"error": {"message": "out of memory"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        if "TORN" in question:
            self.send_header("Content-Length", "1000000")  # of which few come
        self.end_headers()
        self.close_connection = True
        try:
            self._stream(asked, question)
        except OSError:
            self._model.gone += 1

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, asked: dict[str, Any], question: str) -> None:
        words = self._model.words(asked)
        for word in words:
            if "SLOW" in question:
                time.sleep(SLOW_SECONDS)
            self._send(asked, [{"index": 0, "delta": {"content": word}}])
        if "CUT" in question or "TORN" in question:
            return
        if "NONSENSE" in question:
            self._send(asked, {"no": "list"})  # type: ignore[arg-type]
            self._send(asked, [{"delta": {"content": " Half \ud83d a pair."}}])
            self._send(
                asked, [{"delta": 7, "finish_reason": ["stop"]}], usage={"prompt_tokens": "x"}
            )
            return
        self._send(asked, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
        usage: dict[str, Any] = {
            "prompt_tokens": 100,
            "completion_tokens": len(words),
            "total_tokens": 0,
        }
        usage["prompt_tokens_details"] = {"cached_tokens": 40}
        self._send(asked, [], usage=usage)
        self.wfile.write(b"data: [DONE]\n\n")

    def _send(self, asked: dict[str, Any], choices: list[Any], **more: Any) -> None:
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1}
        chunk |= {"model": asked["model"], "choices": choices, **more}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _embeddings(asked: dict[str, Any]) -> dict[str, Any]:
    vectors = [struct.pack(f"<{DIMENSION}f", *vector(text)) for text in asked["input"]]
    data = [
        {"object": "embedding", "index": at, "embedding": base64.b64encode(packed).decode()}
        for at, packed in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return {"object": "list", "model": asked["model"], "data": data, "usage": usage}

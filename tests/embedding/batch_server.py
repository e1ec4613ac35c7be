"""OpenAI's files and batches on the loopback: batches end when a test says so."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.embedding.server import hashed, items


class Batches:
    """What stands at the endpoint. `refused` are texts that a batch cannot embed."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.refused: set[str] = set()
        self.direct: list[list[str]] = []
        self.url = ""

    @property
    def submitted(self) -> list[int]:
        """Texts of each batch whose file is there."""
        files = [self.files.get(batch["input_file_id"], b"") for batch in self.batches.values()]
        return [len(file.splitlines()) for file in files]

    def add_file(self, data: bytes) -> str:
        name = f"file-{len(self.files)}-{len(data)}"
        self.files[name] = data
        return name

    def add_batch(self, request: dict[str, Any]) -> dict[str, Any]:
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "status": "in_progress",
            "created_at": 1_700_000_000 + len(self.batches),
            **request,
        }
        return self.batches[name]

    def finish(self) -> None:
        """End all that is under way."""
        for batch in self.batches.values():
            if batch["status"] == "in_progress":
                lines = [
                    json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()
                ]
                good = [one for one in lines if one["body"]["input"] not in self.refused]
                bad = [one for one in lines if one["body"]["input"] in self.refused]
                batch["output_file_id"] = self.add_file(b"\n".join(map(_answer, good)))
                if bad:
                    batch["error_file_id"] = self.add_file(b"\n".join(map(_error, bad)))
                batch["status"] = "completed"


def _answer(line: dict[str, Any]) -> bytes:
    body = line["body"] | {"input": [line["body"]["input"]]}
    answer = {"status_code": 200, "body": {"data": items(body, lambda text, _: hashed(text))}}
    return json.dumps({"custom_id": line["custom_id"], "response": answer}).encode()


def _error(line: dict[str, Any]) -> bytes:
    return json.dumps({"custom_id": line["custom_id"], "error": {"message": "no"}}).encode()


@contextmanager
def batching() -> Iterator[Batches]:
    there = Batches()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("/files"):
                body = re.search(rb"filename=.*?\r\n\r\n(.*?)\r\n--", data, re.S)
                self._send({"id": there.add_file(body[1] if body else b""), "object": "file"})
            elif self.path.endswith("/batches"):
                self._send(there.add_batch(json.loads(data)))
            else:
                request = json.loads(data)
                there.direct.append(request["input"])
                self._send({"data": items(request, lambda text, _: hashed(text))})

        def do_GET(self) -> None:
            name = self.path.split("/")[-2] if self.path.endswith("/content") else ""
            if name and name not in there.files:
                self._send({"error": {"message": "gone"}}, 404)
            elif name:
                self._send(there.files[name])
            else:
                self._send(
                    {"object": "list", "data": list(there.batches.values()), "has_more": False}
                )

        def do_DELETE(self) -> None:
            gone = there.files.pop(self.path.split("/")[-1], None)
            self._send({"deleted": gone is not None}, 200 if gone is not None else 404)

        def _send(self, said: Any, code: int = 200) -> None:
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    there.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    yield there
    server.shutdown()
    server.server_close()

"""The check of the object store: passes what is safe, and finds what is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploy import check_storage
from schemas.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


class Store(ThreadingHTTPServer):
    """As much of S3 as the check asks for. moto decides a condition before it takes the body."""

    def __init__(self, careful: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.careful = careful
        self.loses = False  # the answer to the first object that is made
        self.made: set[str] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def write(self, path: str, condition: str | None) -> int:
        with self.lock:
            if self.careful and condition == "*" and path in self.made:
                return 412
            self.made.add(path)
            return 200


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Store

    def do_HEAD(self) -> None:
        self._answer(200 if self.path in self.server.made else 404)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = self.server.write(self.path, self.headers.get("If-None-Match"))
        if self.server.loses and status == 200:
            self.close_connection, self.server.loses = True, False
        else:
            self._answer(status)

    def do_DELETE(self) -> None:
        self.server.made.discard(self.path)
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def serving(careful: bool) -> Iterator[Store]:
    server = Store(careful)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def check(url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    config = folder / "almanac.toml"
    config.write_text(
        'lakehouse = "s3://lake/house"\n[storage_options]\n'
        f'AWS_ENDPOINT_URL = "{url}"\nAWS_REGION = "us-east-1"\n'
    )
    keys = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "planted0secret"}
    done = subprocess.run(
        [sys.executable, "deploy/check_storage.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | keys | {"ALMANAC_CONFIG": str(config)},
        timeout=120,
        check=False,
    )
    assert keys["AWS_SECRET_ACCESS_KEY"] not in done.stdout + done.stderr
    return done


def test_a_safe_store_gets_its_bucket_and_passes(tmp_path: Path) -> None:
    with serving(careful=True) as store:
        first, again = check(store.url, tmp_path), check(store.url, tmp_path)
        assert store.made == {"/lake"}  # nothing is left behind
    assert (first.returncode, again.returncode) == (0, 0), first.stderr
    assert "Made the bucket lake" in first.stderr
    assert again.stderr == "Bucket lake is safe: one of 16 writers won, 10 times\n"


def test_a_store_without_conditional_writes_is_found(tmp_path: Path) -> None:
    with serving(careful=False) as store:
        done = check(store.url, tmp_path)
    assert done.returncode == 1
    assert "Bucket lake is not safe: of 16 writers of one new object [16, 16" in done.stderr


def test_a_lost_answer_does_not_make_a_store_unsafe(tmp_path: Path) -> None:
    with serving(careful=True) as store:
        store.made.add("/lake")
        store.loses = True
        done = check(store.url, tmp_path)
    assert done.returncode == 1
    assert "an answer was lost" in done.stderr and "not safe" not in done.stderr


@pytest.mark.parametrize(
    ("region", "own", "said"),
    [
        (
            "eu-central-1",
            None,
            {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}},
        ),
        ("us-east-1", None, {}),
        ("eu-central-1", "http://storage:8333", {}),
    ],
)
def test_aws_is_told_where_a_new_bucket_goes(
    monkeypatch: pytest.MonkeyPatch, region: str, own: str | None, said: dict[str, object]
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    options = {"AWS_REGION": region} | ({"AWS_ENDPOINT_URL": own} if own else {})
    client = check_storage._client(Settings(storage_options=options))
    assert check_storage._place(client.meta) == said

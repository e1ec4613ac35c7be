"""The same lakehouse on S3, as a real HTTP server speaks it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.index import release_tag
from schemas.errors import LeaseHeld
from tests.lakehouse.conftest import DIMENSION, SEARCH, rows_of
from tests.lakehouse.test_documents import document

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket() -> Iterator[Lakehouse]:
    import boto3

    # A process of its own: deltalake holds Python's lock while it waits for an answer.
    url = f"http://127.0.0.1:{(port := _free_port())}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for(port)
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", **keys)
    client.create_bucket(Bucket="lake")
    options = {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    yield open_lakehouse("s3://lake/almanac", options)
    server.kill()
    server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail("the S3 server did not start")


def test_a_release_is_written_and_read_on_s3(bucket: Lakehouse, release_of) -> None:
    texts = {"a": "install the server", "b": "write backups nightly"}
    with bucket.lease("writer", "nightly run", 60):
        with pytest.raises(LeaseHeld), bucket.lease("second", "restore", 60):
            pass
        bucket.documents.append(1, "r", [("docs", document("a", texts["a"]))], [])
        writer = bucket.write("documents-s3", DIMENSION)
        writer.apply([rows_of(texts)], [])
        writer.cover(SEARCH)
        version = writer.tag(release_tag(1))
        release = release_of(1, lance_table="documents-s3", rows=2, lance_version=version)
        bucket.releases("documents").append(release)
    assert list(bucket.documents.state(1)) == [("docs", "a")]
    latest = bucket.releases("documents").as_of()
    assert [hit.doc_id for hit in bucket.read(latest).text("backup", 5)] == ["b"]

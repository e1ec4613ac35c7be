from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from almanac.sources.reading import list_source, read_file, read_files
from schemas.documents import SourceFile
from schemas.errors import SourceUnavailable
from schemas.settings import SourceSettings
from tests.sources.helpers import broken, ingest, write


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    for path in fs.ls("/", detail=False):
        fs.rm(path, recursive=True)


def test_memory_is_listed_afresh_and_has_no_stamps(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe({"/docs/b.md": b"# B\n", "/docs/a/c.TXT": b"c", "/docs/x.png": b"p"})
    source = SourceSettings(uri="memory://docs")
    listing = list_source(source)
    assert listing.files == (SourceFile("a/c.TXT", 1, None), SourceFile("b.md", 4, None))
    assert listing.skipped == 1
    memory.pipe("/docs/new.md", b"new")
    documents, rejections = ingest("memory://docs")
    assert {d.doc_id: (d.title, d.uri) for d in documents.values()} == {
        "a/c.TXT": ("c", "memory://docs/a/c.TXT"),
        "b.md": ("B", "memory://docs/b.md"),
        "new.md": ("new", "memory://docs/new.md"),
    }
    assert rejections == []


def test_a_missing_prefix_and_an_unknown_protocol_are_unavailable() -> None:
    with pytest.raises(SourceUnavailable, match=r"memory://nowhere .*check its address"):
        list_source(SourceSettings(uri="memory://nowhere"))
    with pytest.raises(SourceUnavailable, match="unknown"):
        list_source(SourceSettings(uri="unknown://bucket/docs"))


def test_a_cache_before_the_local_disk_is_refused(tmp_path: Path) -> None:
    for uri in (f"simplecache::file://{tmp_path}", f"dir::file://{tmp_path}"):
        with pytest.raises(SourceUnavailable):
            list_source(SourceSettings(uri=uri))


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(SourceUnavailable) as raised:
        list_source(SourceSettings(uri="http://user:hunter2@127.0.0.1:9/items.csv?sig=hunter2"))
    assert "http://127.0.0.1:9/items.csv" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_table_that_is_a_folder_is_refused(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/parts.parquet/0.parquet", b"x")
    with pytest.raises(SourceUnavailable, match='set kind = "folder"'):
        list_source(SourceSettings(uri="memory://parts.parquet"))


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """The storage options of an object store with one bucket, `lake`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "key": "test",
        "secret": "test",
        "endpoint_url": f"http://{host}:{port}",
        "client_kwargs": '{"region_name": "us-east-1"}',
        "use_ssl": "false",
    }
    make_bucket(options, "lake")
    yield options
    server.stop()


def make_bucket(options: dict[str, str], name: str) -> None:
    import boto3

    boto3.client(
        "s3",
        endpoint_url=options["endpoint_url"],
        aws_access_key_id=options["key"],
        aws_secret_access_key=options["secret"],
        region_name="us-east-1",
    ).create_bucket(Bucket=name)


def client(options: dict[str, str]) -> fsspec.AbstractFileSystem:
    return fsspec.filesystem(
        "s3",
        key=options["key"],
        secret=options["secret"],
        endpoint_url=options["endpoint_url"],
        client_kwargs={"region_name": "us-east-1"},
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def test_s3_documents_carry_etags_and_changes_are_seen(s3: dict[str, str]) -> None:
    fs = client(s3)
    fs.pipe({"lake/kb/a.md": b"# A\n", "lake/kb/sub/b.txt": b"b", "lake/other/c.md": b"c"})
    fs.pipe({"lake/kb/empty.md": b"", "lake/kb/folder/": b"", "lake/kb/../secret.md": b"s"})
    source = SourceSettings(uri="s3://lake/kb", storage_options=s3)
    first = list_source(source)
    assert [file.path for file in first.files] == ["a.md", "empty.md", "sub/b.txt"]
    assert broken(list(first.rejections)) == {("../secret.md", "file_is_inside", "must")}
    assert first.files[0].stamp == fs.info("lake/kb/a.md")["ETag"]
    readings = list(read_files(source, first.files))
    assert [[d.doc_id for d in r.documents] for r in readings] == [["a.md"], [], ["sub/b.txt"]]
    assert readings[0].documents[0].uri == "s3://lake/kb/a.md"

    fs.pipe("lake/kb/a.md", b"# Z\n")
    fs.rm("lake/kb/sub/b.txt")
    second = list_source(source)
    assert [file.path for file in second.files] == ["a.md", "empty.md"]
    assert second.files[0].stamp != first.files[0].stamp
    assert read_file(source, second.files[0]).documents[0].title == "Z"
    gone = read_file(source, first.files[2])
    assert broken(list(gone.rejections)) == {("sub/b.txt", "file_is_readable", "must")}


def test_s3_knows_a_table_by_its_bare_ids(s3: dict[str, str]) -> None:
    client(s3).pipe("lake/tables/items.2024-05-28.csv", b"id,text\n1,one\n2,two\n")
    documents, _ = ingest("s3://lake/tables/items.2024-05-28.csv", storage_options=s3)
    assert {d.doc_id: d.uri for d in documents.values()} == {
        "1": "s3://lake/tables/items.2024-05-28.csv#1",
        "2": "s3://lake/tables/items.2024-05-28.csv#2",
    }
    inside, _ = ingest("s3://lake/tables", storage_options=s3)
    assert list(inside) == ["items.2024-05-28.csv#1", "items.2024-05-28.csv#2"]


def test_s3_without_the_bucket_or_the_prefix_is_unavailable(s3: dict[str, str]) -> None:
    for uri in ("s3://nobucket/kb", "s3://lake/nothing-here"):
        with pytest.raises(SourceUnavailable, match=uri):
            list_source(SourceSettings(uri=uri, storage_options=s3))


def test_an_empty_bucket_is_empty(s3: dict[str, str]) -> None:
    make_bucket(s3, "blank")
    assert list_source(SourceSettings(uri="s3://blank", storage_options=s3)).files == ()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    write(
        tmp_path,
        {
            "docs/a.md": "# A\n",
            "docs/sub/b b.txt": "b",
            "docs/c.png": "p",
            "items.csv": "id,text\n1,one\n",
            "export": "id,text\n1,one\n",
            "secret.md": "secret",
            "empty/index.html": "<p>nothing",
        },
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", server
    server.shutdown()
    server.server_close()


def test_web_listing_single_file_and_table(web: tuple[str, ThreadingHTTPServer]) -> None:
    host, _ = web
    source = SourceSettings(uri=f"{host}/docs/")
    listing = list_source(source)
    assert [file.path for file in listing.files] == ["a.md", "sub/b%20b.txt"]
    assert all(file.stamp and file.size for file in listing.files)
    texts = [d.text for r in read_files(source, listing.files) for d in r.documents]
    assert texts == ["# A\n", "b"]

    documents, _ = ingest(f"{host}/docs/a.md?version=2")
    assert [(d.doc_id, d.title, d.uri) for d in documents.values()] == [
        ("a.md", "A", f"{host}/docs/a.md")
    ]
    with pytest.raises(SourceUnavailable, match="links to no file"):
        list_source(SourceSettings(uri=f"{host}/empty/"))
    documents, _ = ingest(f"{host}/items.csv")
    assert [(d.doc_id, d.text) for d in documents.values()] == [("1", "one")]
    documents, _ = ingest(f"{host}/export?format=csv&token=s3cret", kind="table")
    assert {d.doc_id: d.uri for d in documents.values()} == {"1": f"{host}/export#1"}


def test_web_files_come_whole(web: tuple[str, ThreadingHTTPServer], tmp_path: Path) -> None:
    text = "line of text\n" * 400_000
    write(tmp_path, {"docs/long.txt": text})
    documents, _ = ingest(f"{web[0]}/docs/long.txt")
    assert documents["long.txt"].text == text


def test_web_reads_no_more_than_the_limit(web: tuple[str, ThreadingHTTPServer]) -> None:
    source = SourceSettings(uri=f"{web[0]}/docs/a.md", max_bytes=3)
    reading = read_file(source, SourceFile("a.md", 0, None))
    assert broken(list(reading.rejections)) == {("a.md", "file_is_not_too_large", "must")}


def test_web_paths_do_not_climb(web: tuple[str, ThreadingHTTPServer]) -> None:
    source = SourceSettings(uri=f"{web[0]}/docs/")
    for path in ("../secret.md", "%2e%2e/secret.md"):
        reading = read_file(source, SourceFile(path, 0, None))
        assert broken(list(reading.rejections)) == {(path, "file_is_inside", "must")}


def test_a_server_that_is_gone_raises_for_the_caller_to_retry(
    web: tuple[str, ThreadingHTTPServer],
) -> None:
    host, server = web
    source = SourceSettings(uri=f"{host}/docs/")
    files = list_source(source).files
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError):
        list(read_files(source, files))
    with pytest.raises(OSError):
        read_file(source, files[0])

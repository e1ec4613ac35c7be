"""A web source stays with its host: redirects elsewhere are refused unless they are named."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from almanac.sources.reading import list_source, read_file
from almanac.sources.web import _Resolver
from schemas.documents import FileReading, SourceFile
from schemas.errors import SourceUnavailable
from schemas.settings import SourceSettings

SECRET = b"# The role's credentials\n"


@contextmanager
def serving(pages: dict[str, bytes | Callable[[], str]], host: str = "127.0.0.1") -> Iterator[str]:
    """Pages by path; a callable gives where a path redirects to."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            if page is None:
                self.send_error(404)
                return
            self.send_response(200 if isinstance(page, bytes) else 302)
            if not isinstance(page, bytes):
                self.send_header("Location", page())
                page = b""
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(page)

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{host}:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def metadata() -> Iterator[str]:
    with serving({"/latest": SECRET, "/docs/a.md": SECRET}) as address:
        yield address


@pytest.fixture(scope="module")
def site(metadata: str) -> Iterator[str]:
    own: list[str] = []
    pages: dict[str, bytes | Callable[[], str]] = {
        "/docs/": b'<a href="a.md">a</a><a href="out.md">out</a><a href="moved.md">moved</a>',
        "/docs/a.md": b"# A\n",
        "/docs/out.md": lambda: f"{metadata}/latest",
        "/docs/port.md": lambda: f"{metadata}/latest",
        "/docs/twice.md": lambda: "/docs/out.md",
        "/docs/moved.md": lambda: "/docs/a.md",
        "/docs/whole.md": lambda: f"{own[0]}/docs/a.md",
        "/docs/name.md": lambda: own[0].replace("127.0.0.1", "localhost") + "/docs/a.md",
        "/docs/six.md": lambda: "http://[::1]:9/latest",
        "/docs/slashes.md": lambda: metadata.removeprefix("http:") + "/latest",
        "/docs/scheme.md": lambda: own[0].replace("http://", "https://") + "/docs/a.md",
        "/docs/link.md": lambda: "http://169.254.169.254/latest/meta-data/",
        "/docs/file.md": lambda: "file:///etc/passwd",
        "/items.csv": lambda: f"{metadata}/latest",
        "/all/": lambda: f"{metadata}/docs/",
    }
    with serving(pages) as address:
        own.append(address)
        yield address


def reading(site: str, name: str, **settings: Any) -> FileReading:
    source = SourceSettings(uri=f"{site}/docs/", **settings)
    return read_file(source, SourceFile(name, 0, None))


ELSEWHERE = ("out", "port", "twice", "name", "six", "slashes", "scheme", "link")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_page_that_redirects_elsewhere_is_quarantined(site: str, name: str) -> None:
    found = reading(site, f"{name}.md")
    assert found.documents == ()
    (rejection,) = found.rejections
    assert (rejection.doc_id, rejection.severity) == (f"{name}.md", "must")
    assert "it redirects to http" in rejection.reason and "redirects = [" in rejection.reason


def test_a_page_that_redirects_to_a_file_is_no_document(site: str) -> None:
    with pytest.raises(OSError):
        assert reading(site, "file.md").documents == ()
        raise OSError


@pytest.mark.parametrize("name", ["a", "moved", "whole"])
def test_a_redirect_within_the_host_is_followed(site: str, name: str) -> None:
    (document,) = reading(site, f"{name}.md").documents
    assert document.text == "# A\n"


def test_a_named_origin_is_followed(site: str, metadata: str) -> None:
    (document,) = reading(site, "out.md", redirects=[metadata]).documents
    assert document.text == SECRET.decode()
    bare = metadata.removeprefix("http://")  # a bare host means https
    assert reading(site, "out.md", redirects=[bare]).documents == ()


def test_a_listing_and_a_table_that_redirect_elsewhere_are_unavailable(site: str) -> None:
    for path in ("items.csv", "all/"):
        with pytest.raises(SourceUnavailable, match="redirect"):
            list_source(SourceSettings(uri=f"{site}/{path}"))


def test_the_neighbours_of_a_refused_page_are_read(site: str) -> None:
    source = SourceSettings(uri=f"{site}/docs/")
    names = {file.path for file in list_source(source).files}
    assert names == {"a.md", "moved.md", "out.md"}


class _Names:
    """A name server that gives another answer every time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[dict[str, Any]]:
        return [{"host": one, "port": port} for one in self.answers.pop(0)]

    async def close(self) -> None:
        pass


def test_a_name_is_looked_up_once() -> None:
    names = _Names(["93.184.216.34"], ["127.0.0.1"])
    resolver = _Resolver({"docs.example.com"}, names)

    async def ask() -> list[str]:
        found = [await resolver.resolve("docs.example.com", 443) for _ in range(2)]
        return [one["host"] for each in found for one in each]

    assert asyncio.run(ask()) == ["93.184.216.34", "93.184.216.34"]


@pytest.mark.parametrize(
    ("host", "address", "taken"),
    [
        ("own.example.com", "10.0.0.7", True),  # a wiki within the network, by its configured name
        ("own.example.com", "169.254.169.254", False),
        ("own.example.com", "fe80::1", False),
        ("own.example.com", "::ffff:169.254.169.254", False),
        ("own.example.com", "0.0.0.0", False),
        ("other.example.com", "93.184.216.34", True),
        ("other.example.com", "127.0.0.1", False),
        ("other.example.com", "192.168.1.1", False),
        ("other.example.com", "::1", False),
        ("other.example.com", "::ffff:10.0.0.1", False),
    ],
)
def test_which_addresses_a_name_may_lead_to(host: str, address: str, taken: bool) -> None:
    resolver = _Resolver({"own.example.com"}, _Names([address]))
    if taken:
        assert asyncio.run(resolver.resolve(host))[0]["host"] == address
        return
    with pytest.raises(PermissionError, match="not public"):
        asyncio.run(resolver.resolve(host))

"""A web site on loopback whose pages a test changes between the nights."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    media_type: str = "text/html; charset=utf-8"
    etag: bool = True


@dataclass
class Site:
    """`pages` by path with query; `asked` lists (path, whether conditional, status)."""

    address: str
    pages: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, bool, int]] = field(default_factory=list)
    on_request: Callable[[str], None] = lambda path: None
    missing: Reply = field(default_factory=lambda: Reply(b"<h1>Nothing</h1>", 404))

    def page(self, path: str, text: str, links: str = "", **more: object) -> None:
        anchors = "".join(f'<a href="{link}">to {link}</a> ' for link in links.split())
        html = f"<html><head><title>{text}</title></head><body><main><p>{text}</p>{anchors}</main>"
        self.pages[path] = Reply(f"{html}</body></html>".encode(), **more)  # type: ignore[arg-type]

    def put(self, path: str, status: int = 200, body: str | bytes = "", **more: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        media_type = more.pop("media_type", "text/html")
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        self.pages[path] = Reply(data, status, headers, media_type)

    def paths(self, status: int | None = None) -> list[str]:
        """What was asked for since the last call, but for what every night asks."""
        asked = [one for one in self.asked if "is-no-page" not in one[0]]
        self.asked.clear()
        usual = ("/robots.txt", "/sitemap.xml")
        return sorted(p for p, _, s in asked if p not in usual and status in (None, s))


@contextmanager
def local_site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.on_request(self.path)
            reply = site.pages.get(self.path, site.missing)
            etag = f'"{hashlib.sha256(reply.body).hexdigest()[:8]}"'
            wanted = self.headers.get("If-None-Match")
            same = reply.status == 200 and reply.etag and wanted == etag
            status = 304 if same else reply.status
            site.asked.append((self.path, wanted is not None, status))
            body = b"" if same else reply.body
            self.send_response(status)
            self.send_header("Content-Type", reply.media_type)
            self.send_header("Content-Length", str(len(body)))
            if reply.etag and reply.status == 200:
                self.send_header("ETag", etag)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()

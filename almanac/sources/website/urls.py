"""One spelling of each address of a site, and the id of the page there."""

from __future__ import annotations

import mimetypes
import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urljoin, urlsplit, urlunsplit

from almanac.sources.formats import ending, is_known

_TRACKING = re.compile(r"utm_\w+|gclid|fbclid|msclkid|yclid|mc_[ce]id|ref_src", re.IGNORECASE)
# Names of a visit, new at every request: each night would find all pages anew, and without end.
_SESSION = re.compile(r"(?:j|php|asp)?session_?id|phpsessid|aspsessionid\w*|cftoken", re.IGNORECASE)
_SESSION_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;?]*", re.IGNORECASE)
_KEPT = "/:@!$&'()*+,;=~-._"
_PORTS = {"http": 80, "https": 443}
_NO_PAGE = ("image/", "video/", "audio/", "font/", "text/css", "text/javascript", "model/")
_NO_PAGE_ENDINGS = frozenset({"css", "js", "mjs", "map", "zip", "gz", "tgz", "exe", "dmg", "woff"})
_LONGEST = 1_000  # characters
_MOST_REPEATS = 3  # of one name in a path: relative links that go round in circles
_FRONT = "index"


def normal_url(url: str, base: str = "") -> str | None:
    """The one spelling of an address, without fragment, tracking and session; None for mail.

    `a/./b`, `%7E` and a default port are written as everybody else writes them.
    """
    try:
        parts = urlsplit(urljoin(base, url.strip()))
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host:
        return None
    host = f"[{host}]" if ":" in host else host
    place = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    bare = unquote(_SESSION_IN_PATH.sub("", parts.path) or "/", errors="surrogateescape")
    path = quote(bare, _KEPT, errors="surrogateescape")
    path = urlsplit(urljoin(f"{parts.scheme}://{place}/", path)).path or "/"
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in query if not _is_noise(name)])
    return urlunsplit((parts.scheme, place, re.sub("/{2,}", "/", path), kept, ""))


def _is_noise(name: str) -> bool:
    return bool(_TRACKING.fullmatch(name) or _SESSION.fullmatch(name))


class Scope:
    """The part of a host that is a source: what lies below the folder of its address."""

    def __init__(self, uri: str) -> None:
        start = normal_url(uri)
        assert start is not None
        parts = urlsplit(start)
        self.start = start
        self.host = parts.netloc
        self.root = f"{parts.scheme}://{parts.netloc}"
        folder, _, name = parts.path.rpartition("/")
        self._folder = f"{folder}/" if "." in name or not name else f"{parts.path}/"

    def holds(self, url: str) -> bool:
        """Whether the address is on this host, by http or https, and below the folder."""
        parts = urlsplit(url)
        return parts.netloc == self.host and f"{parts.path.rstrip('/')}/".startswith(self._folder)

    def on_host(self, url: str) -> bool:
        """Whether the address is on this host at all."""
        return urlsplit(url).netloc == self.host

    def id_of(self, url: str) -> str:
        """The id of a page: its path below the folder, without a slash at its end; the query."""
        parts = urlsplit(url)
        path = unquote(parts.path.removeprefix(self._folder), errors="replace").strip("/")
        if f"{parts.path.rstrip('/')}/" == self._folder:
            path = ""
        path = path.replace("#", "%23")  # which in an id begins the name of a row
        return (path or _FRONT) + (f"?{unquote(parts.query)}" if parts.query else "")

    def addresses_of(self, page_id: str) -> tuple[str, ...]:
        """Where a page of this id may be: an id does not say whether a slash ends its address."""
        path = "" if page_id == _FRONT else page_id
        url = normal_url(f"{self.root}{self._folder}{path}")
        if url is None or not path or "?" in path:
            return (url,) if url else ()
        return (url, f"{url}/")


def is_variant(one: str, other: str) -> bool:
    """Whether two addresses are one page: they differ in slash, index file, scheme or query."""
    return _bare(one) == _bare(other)


def _bare(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    path = re.sub(r"/(?:index|default)\.\w{3,5}$", "/", parts.path, flags=re.IGNORECASE)
    return parts.netloc, path.rstrip("/").lower()


def is_trap(url: str) -> bool:
    """Whether an address goes round in circles, or is longer than any that people write."""
    names = [name for name in urlsplit(url).path.split("/") if name]
    return len(url) > _LONGEST or any(names.count(name) >= _MOST_REPEATS for name in set(names))


def may_be_page(url: str) -> bool:
    """Whether there may be a document behind the address, by its ending."""
    path = urlsplit(url).path
    guessed = mimetypes.guess_type(path)[0] or ""
    if is_known(path):
        return True
    return not guessed.startswith(_NO_PAGE) and ending(path) not in _NO_PAGE_ENDINGS

"""What is kept of a page of a site: validators for the next night, its links, its bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from almanac.core.files import write_whole
from almanac.sources.website.urls import normal_url
from schemas.hashing import sha256_bytes, sha256_text

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_LARGEST_WITH_LINKS = 5_000_000  # bytes
# What differs at every request and is no content: it would make every night a change.
_VOLATILE = re.compile(
    rb"<script\b.*?</script\s*>|<!--.*?-->|<input\b[^>]{0,500}?type=[\"']?hidden[^>]{0,500}>"
    rb"|<meta\b[^>]{0,500}?csrf[^>]{0,500}>|\snonce=[\"'][^\"']{0,200}[\"']",
    re.DOTALL | re.IGNORECASE,
)
_MISSING = re.compile(
    r"(?:error\s*)?404\b.{0,40}"
    r"|(?:(?:this|the) )?page (?:(?:was|is|could) )?not (?:be )?found.{0,40}"
    r"|not found|страница не найдена",
    re.IGNORECASE,
)
_LONGEST_MISSING = 600  # characters of a page that only says that there is none
_ALIKE = 0.9
_FEW_WORDS = 3
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was last answered; `digest` is of its bytes without what always differs."""

    url: str
    digest: str
    media_type: str
    etag: str = ""
    last_modified: str = ""
    links: tuple[str, ...] = ()
    canonical: str | None = None
    is_listed: bool = True  # False: the page asks not to be indexed
    sitemap_date: str = ""
    checked: float = 0.0  # seconds since 1970

    @property
    def conditions(self) -> dict[str, str]:
        """The headers of a request that wants the page only if it changed."""
        headers = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in headers.items() if value and _is_plain(value)}


def _is_plain(value: str) -> bool:
    """Whether it may be sent as a header: some servers write dates in their own language."""
    return value.isascii() and value.isprintable()


class PageStore:
    """The pages of one site in a folder of this machine, by their ids; each is written whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def page(self, page_id: str) -> Page | None:
        """What is known of a page; None for nothing, or for what is damaged."""
        try:
            values: dict[str, Any] = json.loads(self._file(page_id, "json").read_bytes())
            return Page(**(values | {"links": tuple(values["links"])}))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def digests(self) -> Iterator[tuple[str, str]]:
        """(address, digest) of every page that is kept."""
        for path in self._folder.glob("??/*.json"):
            try:
                values = json.loads(path.read_bytes())
                yield str(values["url"]), str(values["digest"])
            except (OSError, ValueError, TypeError, KeyError):
                continue

    def body(self, page_id: str, digest: str) -> bytes | None:
        """The bytes, where they are still those of `digest`."""
        try:
            data = self._file(page_id, "body").read_bytes()
        except OSError:
            return None
        return data if sha256_bytes(data) == digest else None

    def keep(self, page_id: str, page: Page, data: bytes | None = None) -> None:
        """Store a page; without `data` its bytes stay as they are."""
        if data is not None:
            write_whole(self._file(page_id, "body"), data)
        write_whole(self._file(page_id, "json"), json.dumps(asdict(page)).encode())

    def keep_only(self, page_ids: Iterable[str]) -> None:
        """Remove every page but these."""
        kept = {self._file(one, "json").stem for one in page_ids}
        for path in self._folder.glob("??/*"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)

    def note(self, name: str) -> dict[str, Any]:
        """A small note about the site as a whole; empty where there is none."""
        try:
            return dict(json.loads((self._folder / f"{name}.json").read_bytes()))
        except (OSError, ValueError):
            return {}

    def set_note(self, name: str, values: dict[str, Any]) -> None:
        """Write such a note."""
        write_whole(self._folder / f"{name}.json", json.dumps(values).encode())

    def _file(self, page_id: str, kind: str) -> Path:
        name = sha256_text(page_id)[:32]
        return self._folder / name[:2] / f"{name}.{kind}"


def is_html(media_type: str) -> bool:
    """Whether the bytes are a web page."""
    return media_type in _HTML


def without_volatile(data: bytes) -> bytes:
    """A page without scripts, comments and tokens, which differ at every request."""
    return _VOLATILE.sub(b"", data) if len(data) <= _LARGEST_WITH_LINKS else data


class Html:
    """The links, the canonical address and the words of a page."""

    def __init__(self, url: str, data: bytes) -> None:
        self._url = url
        parser = etree.HTMLParser(no_network=True, remove_comments=True)
        usable = data if len(data) <= _LARGEST_WITH_LINKS else b""
        try:
            self._root = etree.fromstring(usable, parser) if usable.strip() else None
        except etree.XMLSyntaxError:
            self._root = None
        base = self._first("//base/@href")
        self._base = normal_url(base, url) or url if base else url

    def _all(self, path: str) -> list[str]:
        return [] if self._root is None else [str(found) for found in self._root.xpath(path)]

    def _first(self, path: str) -> str:
        return next(iter(self._all(path)), "")

    @property
    def links(self) -> tuple[str, ...]:
        """Where the page leads, each once, sorted; not what it asks not to be followed."""
        if "nofollow" in self._robots:
            return ()
        found = self._all("//a[not(contains(@rel, 'nofollow'))]/@href | //area/@href")
        urls = {normal_url(link, self._base) for link in found}
        return tuple(sorted(url for url in urls if url))

    @property
    def canonical(self) -> str | None:
        """The address that the page gives as its own."""
        link = self._first("//link[@rel='canonical']/@href")
        return normal_url(link, self._base) if link else None

    @property
    def is_listed(self) -> bool:
        """Whether the page lets itself be indexed."""
        return "noindex" not in self._robots and "none" not in self._robots

    @property
    def _robots(self) -> str:
        return " ".join(self._all("//meta[@name='robots']/@content")).lower()

    @property
    def words(self) -> frozenset[str]:
        """The different words of the page."""
        texts = self._all("//body//text()[not(parent::script or parent::style)]")
        return frozenset(_WORD.findall(" ".join(texts).lower()))

    @property
    def asks_password(self) -> bool:
        """Whether it has a field for a password."""
        return bool(self._all("//input[translate(@type,'PASWORD','pasword')='password']/@type"))

    @property
    def says_missing(self) -> bool:
        """Whether a short page names itself "404" or "Page not found"."""
        heads = [" ".join(text.split()) for text in self._all("//title/text() | //h1/text()")]
        length = sum(len(text.strip()) for text in self._all("//body//text()"))
        return length <= _LONGEST_MISSING and any(_MISSING.fullmatch(head) for head in heads)


def is_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two pages have nearly all words in common."""
    if min(len(one), len(other)) < _FEW_WORDS:
        return one == other
    return len(one & other) >= _ALIKE * len(one | other)

"""Sitemaps: lists of addresses as XML or text, indexes of them, either of it packed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from lxml import etree

from almanac.sources.unpacking import GZIP, gunzipped
from almanac.sources.web_client import Answer
from schemas.errors import SourceUnavailable

_MOST_UNPACKED = 100_000_000  # bytes; the protocol allows half of it
_MOST_SITEMAPS = 1_000
_DEEPEST = 3


def sitemap_urls(first: Sequence[str], get: Callable[[str], Answer]) -> Iterator[tuple[str, str]]:
    """(address, date of the last change or "") of every entry, indexes followed.

    Args:
        first: the addresses of the sitemaps.
        get: asks for one; raises SourceUnavailable where it can't be had.

    Raises:
        SourceUnavailable: one can't be had or read: the list would not be complete.
    """
    waiting, seen = [(url, 0) for url in first], set(first)
    while waiting:
        url, depth = waiting.pop(0)
        entries, more = _entries(url, get(url).data)
        yield from entries
        for other in more:
            if other not in seen:
                seen.add(other)
                waiting.append((other, depth + 1))
        if depth >= _DEEPEST or len(seen) > _MOST_SITEMAPS:
            raise SourceUnavailable(f"the sitemap {url} leads to too many others: name one of them")


def _entries(url: str, data: bytes) -> tuple[list[tuple[str, str]], list[str]]:
    data = (_unpacked(url, data) if data.startswith(GZIP) else data).strip()
    if not data:  # an index may name it: without it the pages of it would count as gone
        raise SourceUnavailable(f"the sitemap {url} is empty: nothing was changed")
    if not data.startswith((b"<", b"\xef\xbb\xbf<")):
        lines = data.decode("utf-8-sig", "replace").split()
        if not all(line.startswith(("http://", "https://")) for line in lines):
            raise SourceUnavailable(f"the sitemap {url} cannot be read: neither XML nor addresses")
        return [(line, "") for line in lines], []
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise SourceUnavailable(f"the sitemap {url} cannot be read: {error.msg}") from None
    if etree.QName(root).localname == "sitemapindex":
        return [], _texts(root, "sitemap", "loc")
    if etree.QName(root).localname != "urlset":
        raise SourceUnavailable(f"the sitemap {url} cannot be read: it is no sitemap")
    entries = root.xpath("*[local-name()='url']")
    found = [(_text(entry, "loc"), _text(entry, "lastmod")) for entry in entries]
    return [(address, date) for address, date in found if address], []


def _texts(root: etree._Element, entry: str, name: str) -> list[str]:
    found = [_text(one, name) for one in root.xpath(f"*[local-name()='{entry}']")]
    return [text for text in found if text]


def _text(entry: etree._Element, name: str) -> str:
    return "".join(entry.xpath(f"*[local-name()='{name}']/text()")).strip()


def _unpacked(url: str, data: bytes) -> bytes:
    try:
        return gunzipped(data, _MOST_UNPACKED)
    except ValueError as error:
        raise SourceUnavailable(f"the sitemap {url} cannot be unpacked: {error}") from None

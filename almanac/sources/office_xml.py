"""The XML inside office documents: read without entities, searched, and its page edges told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from lxml import etree

from almanac.sources.parsed import Unreadable

_WORD = re.compile(r"[^\W\d_]{2,}")
_PAGE_ONLY = re.compile(r"\W*(?:page|seite|стр(?:аница)?|of|von|из|\d|\W)*", re.IGNORECASE)


class OfficeXml:
    """One format: `expectation` is what a broken part breaks, `namespaces` are those of paths."""

    def __init__(self, expectation: str, namespaces: Mapping[str, str]) -> None:
        self._expectation = expectation
        self._namespaces = dict(namespaces)

    def tree(self, content: bytes) -> etree._Element:
        """The root of one part.

        Raises:
            Unreadable: it is no XML.
        """
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
        try:
            return etree.fromstring(content, parser)
        except etree.XMLSyntaxError as error:
            raise Unreadable(self._expectation, f"broken XML: {error}") from None

    def find(self, tree: etree._Element, path: str) -> list[etree._Element]:
        """The elements that an XPath names."""
        return list(tree.xpath(path, namespaces=self._namespaces))


def distinct_edges(texts: Iterable[str]) -> Iterator[str]:
    """Texts of headers and footers that say more than the number of the page, each once."""
    seen = set()
    for raw in texts:
        text = " ".join(raw.split())
        if _WORD.search(text) and not _PAGE_ONLY.fullmatch(text) and text not in seen:
            seen.add(text)
            yield text

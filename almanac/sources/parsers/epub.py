"""EPUB, as pandoc reads it, after the archive was found harmless."""

from __future__ import annotations

from almanac.sources.archive import checked
from almanac.sources.pandoc import as_document, convert
from almanac.sources.parsed import Options, Parsed


def parse(data: bytes, options: Options) -> Parsed:
    """The chapters in reading order as Markdown."""
    checked(data, "epub_is_readable", "META-INF/container.xml", may_have_doctype=True)
    return as_document(convert(data, "epub", "epub_is_readable"))

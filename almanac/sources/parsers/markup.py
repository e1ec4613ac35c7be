"""AsciiDoc, Org and MediaWiki, as pandoc reads them."""

from __future__ import annotations

import re

from almanac.sources.decoding import decode
from almanac.sources.pandoc import as_document, read_or_keep
from almanac.sources.parsed import Options, Parsed

_LOST = {
    "asciidoc": {"included files": re.compile(r"^include::.*", re.MULTILINE)},
    "org": {"included files": re.compile(r"^#\+include:.*", re.MULTILINE | re.IGNORECASE)},
    "mediawiki": {"templates": re.compile(r"\{\{(?!\{)[^{}|]")},
}


def parse(data: bytes, options: Options) -> Parsed:
    """The document as Markdown; files that it includes and templates are counted as lost."""
    text, notes = decode(data)
    lost = {what: len(mark.findall(text)) for what, mark in _LOST[options.pandoc].items()}
    if lost.get("included files"):  # for which pandoc would refuse the document
        text = _LOST[options.pandoc]["included files"].sub("", text)
    return read_or_keep(text, options.pandoc, lambda made: as_document(made, lost, notes), notes)

"""LaTeX, as pandoc reads it: formulas stay TeX."""

from __future__ import annotations

import re

from almanac.sources.decoding import decode
from almanac.sources.pandoc import as_document, read_or_keep
from almanac.sources.parsed import Options, Parsed

_COMMENT = re.compile(r"(?<!\\)%.*")
_LOST = {
    "included files": re.compile(r"\\(?:input|include|subfile)\s*\{"),
    "drawings": re.compile(r"\\begin\s*\{(?:tikzpicture|pgfpicture|picture|pspicture)\}"),
    "pictures": re.compile(r"\\includegraphics\b"),
}


def parse(data: bytes, options: Options) -> Parsed:
    """The document as Markdown; what stands in other files or is drawn is counted as lost."""
    text, notes = decode(data)
    written = _COMMENT.sub("", text)
    lost = {what: len(mark.findall(written)) for what, mark in _LOST.items()}
    return read_or_keep(text, "latex", lambda made: as_document(made, lost, notes), notes)

"""Plain text: nothing is read into it."""

from __future__ import annotations

from almanac.sources.decoding import decode
from almanac.sources.parsed import Options, Parsed


def parse(data: bytes, options: Options) -> Parsed:
    """The text as it is."""
    text, notes = decode(data)
    return Parsed(text, notes=notes)

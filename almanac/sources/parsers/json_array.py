"""A JSON array of objects as rows."""

from __future__ import annotations

from almanac.sources.decoding import decode
from almanac.sources.jsonrows import json_rows
from almanac.sources.parsed import Rows
from schemas.settings import Columns


def rows(data: bytes, columns: Columns) -> Rows:
    """The objects of one array. Raises Unreadable where the file is no JSON, or no array."""
    text, notes = decode(data)
    return (json_rows(text) if text.strip() else ()), notes

"""JSON lines as rows."""

from __future__ import annotations

from almanac.sources.decoding import decode
from almanac.sources.jsonrows import jsonl_rows
from almanac.sources.parsed import Rows
from schemas.settings import Columns


def rows(data: bytes, columns: Columns) -> Rows:
    """One row per line that is not blank; a broken line is a row with a problem."""
    text, notes = decode(data)
    return jsonl_rows(text), notes

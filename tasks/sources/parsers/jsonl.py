"""JSON lines as rows."""

from __future__ import annotations

from schemas.settings import Columns
from tasks.sources.decoding import decode
from tasks.sources.jsonrows import jsonl_rows
from tasks.sources.parsed import Rows


def rows(data: bytes, columns: Columns) -> Rows:
    """One row per line that is not blank; a broken line is a row with a problem."""
    text, notes = decode(data)
    return jsonl_rows(text), notes

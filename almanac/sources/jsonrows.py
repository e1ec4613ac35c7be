"""JSON lines, and JSON arrays, as rows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from almanac.sources.parsed import Note, Row, Unreadable, shown


def jsonl_rows(text: str) -> Iterator[Row]:
    """One row per line that is not blank; a broken line is a row with a problem."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            yield _row(where, _loads(line))
        except ValueError as error:
            yield Row(where, {}, Note("row_is_valid", f"it is no JSON: {error}", shown(line)))


def json_rows(text: str) -> Iterator[Row]:
    """The objects of one JSON array.

    Raises:
        Unreadable: the file is no JSON, or no array.
    """
    try:
        values = _loads(text)
    except ValueError as error:
        raise Unreadable("file_is_valid", f"it is no JSON: {error}") from None
    if not isinstance(values, list):
        raise Unreadable("file_is_valid", "it is JSON, but no array of objects")
    for number, value in enumerate(values, start=1):
        yield _row(f"item {number}", value)


def _row(where: str, value: Any) -> Row:
    if isinstance(value, dict):
        return Row(where, value)
    reason = f"it is a {type(value).__name__}, not an object"
    return Row(where, {}, Note("row_is_valid", reason, shown(value)))


def _loads(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON allows a key twice; which one is meant nobody can tell."""
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return values

"""Requests and votes as JSON text, as the journal holds them: the columns of their tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import pyarrow as pa

from schemas.feedback import Request, Vote
from schemas.hashing import sha256_text
from schemas.request_rows import request_of_row, request_row
from schemas.stored import StoredTable
from schemas.tables.feedback import REQUESTS, VOTES
from schemas.times import as_utc, isoformat

Item = TypeVar("Item", Request, Vote)
_TIMES = ("asked_at", "rated_at")


def request_text(request: Request) -> tuple[str, str]:
    """The request as JSON, its times in UTC, and its content hash.

    Raises:
        UnicodeEncodeError: a text of it is none in UTF-8.
    """
    row = request_row(request)
    return _text(row), row["content_hash"]


def vote_text(vote: Vote) -> tuple[str, str]:
    """The vote as JSON, and a hash of it; raises as `request_text` does."""
    text = _text(VOTES.to_row(vote))
    return text, sha256_text(text)


def request_of_text(text: str) -> Request:
    """The request again, equal to what was written.

    Raises:
        ValueError: the text is none of this module's, or was cut or changed.
    """
    return _read(text, REQUESTS, request_of_row)


def vote_of_text(text: str) -> Vote:
    """The vote again; raises as `request_of_text` does."""
    return _read(text, VOTES, lambda row: VOTES.read(Vote, row))


def _text(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return isoformat(value)
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def _read(text: str, table: StoredTable, read: Callable[[Mapping[str, Any]], Item]) -> Item:
    try:
        row = json.loads(text)
        times = {name: as_utc(datetime.fromisoformat(row[name])) for name in _TIMES if name in row}
        item = read(row | times)
        _check(row | times, table)
    except (TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no row of the journal: {error!r}") from error
    return item


def _check(row: Mapping[str, Any], table: StoredTable) -> None:
    """Raise ValueError, or what Arrow does, where a column could not be stored as it stands."""
    stored = pa.Table.from_pylist([row], table.schema)
    for column in table.columns.values():
        if column.required and stored[column.name].null_count:
            raise ValueError(f"{column.name} is missing")
    for name in ("history", "prompt"):
        for message in json.loads(row.get(name) or "[]"):
            if not isinstance(message["role"], str) or not isinstance(message["content"], str):
                raise ValueError(f"{name} holds what is no message")

"""A request as a row of the table `requests`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.feedback import Passage, Request
from schemas.tables.feedback import REQUESTS


def request_row(request: Request) -> dict[str, Any]:
    """The row; the passages are two columns of the same length."""
    return REQUESTS.to_row(
        request,
        context_chunks=[one.chunk_id for one in request.context],
        context_texts=[one.text for one in request.context],
    )


def request_of_row(row: Mapping[str, Any]) -> Request:
    """The request of a row; columns that are absent have their defaults."""
    pairs = zip(row["context_chunks"], row["context_texts"], strict=True)
    return REQUESTS.read(Request, row, context=tuple(Passage(*pair) for pair in pairs))

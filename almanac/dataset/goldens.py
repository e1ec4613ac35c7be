"""The golden questions that no example may repeat."""

from __future__ import annotations

import json
from collections.abc import Iterable

from almanac.retrieval.golden import rows_of
from schemas.errors import ConfigError


def golden_texts(files: Iterable[str | None]) -> tuple[str, ...]:
    """The `text` of every row of some JSONL files, each once, sorted; on whatever day it holds.

    Raises:
        ConfigError: a file cannot be read, or a row has no text; line and file named.
    """
    texts = (_text(file, *row) for file in files if file for row in rows_of(file))
    return tuple(sorted(set(texts)))


def _text(file: str, number: int, line: bytes) -> str:
    try:
        text = json.loads(line)["text"]
        if not isinstance(text, str) or not text.strip():
            raise TypeError(f"text must be a text, found {text!r}")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ConfigError(f"{file}, line {number}: no golden question: {error!r}") from None
    return text

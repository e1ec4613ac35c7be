"""The golden questions that no example may repeat."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from schemas.errors import ConfigError


def golden_texts(files: Iterable[str | None]) -> tuple[str, ...]:
    """The `text` of every row of some JSONL files, each once, sorted; on whatever day it holds.

    Raises:
        ConfigError: a file cannot be read, or a row has no text; line and file named.
    """
    return tuple(sorted({text for file in files if file for text in _texts(file)}))


def _texts(file: str) -> Iterable[str]:
    try:
        lines = Path(file).read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(f"{file}: the golden questions cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _text(file, number, line)


def _text(file: str, number: int, line: bytes) -> str:
    try:
        text = json.loads(line)["text"]
        if not isinstance(text, str) or not text.strip():
            raise TypeError(f"text must be a text, found {text!r}")
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise ConfigError(f"{file}, line {number}: no golden question: {error!r}") from None
    return text

"""Values of YAML, JSON and Parquet as plain JSON: finite, shallow, and storable as UTF-8."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

_MAX_DEPTH = 64
_MAX_NODES = 100_000
_MAX_BITS = 10_000


def json_safe(values: Mapping[Any, Any]) -> dict[str, Any]:
    """`values` with JSON types only.

    Times become ISO 8601, decimals their digits, bytes base64; NaN and infinities become null.

    Raises:
        ValueError: nested deeper than 64 levels, more than 100,000 values (aliases multiply), a
            lone surrogate, a number of over 3,000 digits, or a type that has no JSON.
    """
    return _Converter().mapping(values, 0)


class _Converter:
    def __init__(self) -> None:
        self._nodes = 0

    def value(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ValueError(f"it holds more than {_MAX_NODES:,} values")
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        if isinstance(value, list | tuple | set):
            return self.sequence(value, depth)
        return _scalar(value)

    def mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        return {encodable(str(key)): self.value(item, depth + 1) for key, item in value.items()}

    def sequence(self, value: Iterable[Any], depth: int) -> list[Any]:
        items = sorted(value, key=repr) if isinstance(value, set) else value
        return [self.value(item, depth + 1) for item in items]


def _scalar(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _printable(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Decimal | timedelta):
        return str(value)
    raise ValueError(f"a {type(value).__name__} has no JSON")


def _printable(number: int) -> int:
    if number.bit_length() > _MAX_BITS:  # Python itself refuses to print such numbers
        raise ValueError("it holds a number of more than 3,000 digits")
    return number


def encodable(text: str) -> str:
    """`text` itself. Raises ValueError where it holds half a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"a lone surrogate at character {error.start} is no text") from None
    return text

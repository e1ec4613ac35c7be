"""Values in SQL: as tables of one column to join with, and as literals."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa


def id_column(values: Iterable[str], name: str = "id") -> pa.Table:
    """The different values in order, as the column `name`."""
    return pa.table([pa.array(sorted(set(values)), pa.string())], names=[name])


def literals(values: Iterable[str]) -> str:
    """Texts as SQL writes them, with commas between."""
    return ", ".join(literal(value) for value in values)


def literal(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"

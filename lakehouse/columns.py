"""Tables of one column, to join a query with."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa


def id_column(values: Iterable[str], name: str = "id") -> pa.Table:
    """The different values in order, as the column `name`."""
    return pa.table([pa.array(sorted(set(values)), pa.string())], names=[name])

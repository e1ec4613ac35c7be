"""The chunk ids of an open release by Lance's numbers of its rows, in memory.

A search needs the id of each row that it ranks, since ties are broken by it. Reading them from the
files of the index costs more than the search for words itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BYTES_A_ROW = 150  # of an id with what Python keeps of it, and its number


class RowNames:
    """Ids of rows; `rows` and `ids` are of the same length, in any order."""

    def __init__(self, rows: NDArray[np.uint64], ids: Sequence[str]) -> None:
        self._order = np.argsort(rows, kind="stable")
        self._sorted = rows[self._order]
        self._ids = ids

    def of(self, rows: NDArray[np.uint64]) -> list[str]:
        """The ids of rows that are there, in the order of the rows."""
        places = self._order[np.searchsorted(self._sorted, rows)]
        return [self._ids[at] for at in places.tolist()]

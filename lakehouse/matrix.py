"""All vectors of an open release in memory: an exact search that reads no file.

LanceDB reads the whole column for each exact search (154 MB of 100,000 rows of 384 numbers). Here
the product of the matrix with a question finds candidates, in float32, for all questions that wait
at the time; their cosines are then computed in float64, so that equal vectors have equal scores,
wherever they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lakehouse.among import Among
from lakehouse.documents import Key
from lakehouse.grouped import Grouped, Waiting
from lakehouse.ranking import Ranked, in_order
from lakehouse.row_names import RowNames

_AT_ONCE = 16  # questions in one product: 100,000 scores of 16 are 6 MB
_UNSURE = 1e-5  # of a cosine in float32, far above the error of some thousand products


@dataclass(frozen=True, slots=True)
class _Question:
    vector: NDArray[np.float32]
    k: int
    among: Among | None


def bytes_of(rows: int, dimension: int) -> int:
    """What the vectors of so many rows take."""
    return rows * dimension * 4


class Matrix:
    """Vectors of shape (rows, dimension), with the ids of their rows; for several threads.

    Args:
        batches: chunk_id, source, doc_id, vector and _rowid of every row, a part at a time.
        rows: how many there are.
        dimension: of a vector.
    """

    def __init__(self, batches: Iterable[Any], rows: int, dimension: int) -> None:
        self._vectors = np.empty((rows, dimension), np.float32)
        self._rows = np.empty(rows, np.uint64)
        self._documents = np.empty(rows, np.int32)
        self._ids: list[str] = []
        self._numbers: dict[Key, int] = {}
        for batch in batches:
            self._add(batch)
        norms = np.sqrt(np.einsum("ij,ij->i", self._vectors, self._vectors, dtype=np.float64))
        self._norms = norms
        self._inverse = (1.0 / np.maximum(norms, 1e-30)).astype(np.float32)
        self._ask: Grouped[_Question] = Grouped(self._answer)

    def nearest(
        self, vector: NDArray[np.float32], k: int, among: Among | None = None
    ) -> list[Ranked]:
        """The `k` rows of greatest cosine, ties by chunk id; of these documents alone."""
        if k < 1 or not self._ids:
            return []
        found: list[Ranked] = self._ask(_Question(vector, k, among))
        return found

    @property
    def names(self) -> RowNames:
        """The ids of the rows by Lance's numbers."""
        return RowNames(self._rows, self._ids)

    def _add(self, batch: Any) -> None:
        at = len(self._ids)
        end = at + batch.num_rows
        flat = batch["vector"].flatten().to_numpy(zero_copy_only=False)
        self._vectors[at:end] = flat.reshape(batch.num_rows, -1)
        self._rows[at:end] = batch["_rowid"].to_numpy(zero_copy_only=False)
        keys = zip(batch["source"].to_pylist(), batch["doc_id"].to_pylist(), strict=True)
        self._documents[at:end] = [
            self._numbers.setdefault(key, len(self._numbers)) for key in keys
        ]
        self._ids += batch["chunk_id"].to_pylist()

    def _answer(self, group: Sequence[Waiting[_Question]]) -> None:
        for start in range(0, len(group), _AT_ONCE):
            part = group[start : start + _AT_ONCE]
            questions = np.stack([one.item.vector for one in part]).astype(np.float32)
            scores = (questions @ self._vectors.T) * self._inverse
            for one, question, row in zip(part, questions, scores, strict=True):
                one.result = self._best(one.item, question, row)

    def _best(
        self, asked: _Question, vector: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> list[Ranked]:
        rows = None if asked.among is None else self._of(asked.among)
        if rows is not None:
            scores = scores[rows]
        if not len(scores):
            return []
        k = min(asked.k, len(scores))
        length = float(np.linalg.norm(vector.astype(np.float64))) or 1.0
        least = np.partition(scores, len(scores) - k)[len(scores) - k] - _UNSURE * length
        close = np.flatnonzero(scores >= least)
        if rows is not None:
            close = rows[close]
        products = (self._vectors[close].astype(np.float64) * vector.astype(np.float64)).sum(axis=1)
        distances = (1.0 - products / (self._norms[close] * length)).astype(np.float32)
        return in_order(
            [
                Ranked(self._ids[at], 1.0 - float(distance), int(self._rows[at]))
                for at, distance in zip(close.tolist(), distances, strict=True)
            ]
        )[:k]

    def _of(self, among: Among) -> NDArray[np.int64]:
        """The rows of some documents."""
        wanted = np.zeros(len(self._numbers), np.bool_)
        for key in among.keys:
            if (number := self._numbers.get(key)) is not None:
                wanted[number] = True
        return np.flatnonzero(wanted[self._documents])

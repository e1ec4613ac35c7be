"""What an index really holds: every row read, every hash taken anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.rows import EMPTY_DIGEST, row_hash, updated_digest
from schemas.hashing import sha256_text

_ROWS = 1_024  # in one batch: some 3 MB, of which the engine holds several


@dataclass(frozen=True, slots=True)
class Coverage:
    """Rows of a table, and how many of them an index on it does not cover."""

    rows: int
    unindexed_text_rows: int
    unindexed_vector_rows: int


class ReadBack:
    """Rows as a table returns them, counted and hashed, in memory for the keys alone.

    `null_vectors` counts vectors that are missing, not finite or all zeros; `inconsistent` rows
    whose text, hash of the text, vector and hash of the row do not belong together.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.digest = EMPTY_DIGEST
        self.null_vectors = 0
        self.inconsistent = 0
        self._keys: set[str] = set()

    @property
    def duplicate_keys(self) -> int:
        """Rows beyond the first of their chunk id."""
        return self.rows - len(self._keys)

    def add(self, rows: pa.RecordBatch) -> None:
        """Take over rows of `schemas.tables.index_schema`."""
        self.rows += rows.num_rows
        self._keys.update(rows["chunk_id"].to_pylist())
        whole = rows.filter(pc.is_valid(rows["vector"]))
        usable = _usable(whole["vector"])
        self.null_vectors += rows.num_rows - usable
        actual = hashes(whole)
        self.digest = updated_digest(self.digest, actual, ())
        self.inconsistent += sum(
            stored != found
            for stored, found in zip(whole["row_hash"].to_pylist(), actual, strict=True)
        )


def hashes(rows: pa.RecordBatch) -> list[bytes]:
    """Row hashes over what is there: the id, the text itself, the vector. No vector may be null.

    A row whose stored hash of the text is wrong gets a hash that no sound row has.
    """
    vectors = rows["vector"]
    width = vectors.type.list_size
    flat = vectors.flatten().to_numpy().astype("<f4", copy=False).reshape(-1, width)
    columns = (rows[name].to_pylist() for name in ("chunk_id", "text", "text_hash"))
    return [
        row_hash(chunk, stored if sha256_text(text) == stored else "", vector.tobytes())
        for chunk, text, stored, vector in zip(*columns, flat, strict=True)
    ]


def read_back(dataset: Any, predicates: Iterable[str | None] = (None,)) -> ReadBack:
    """Read a Lance dataset whole, or the rows that any of the SQL predicates selects."""
    found = ReadBack()
    for batch in scan(dataset, predicates):
        found.add(batch)
    return found


def scan(dataset: Any, predicates: Iterable[str | None] = (None,)) -> Iterator[pa.RecordBatch]:
    """The rows themselves, a batch at a time."""
    for predicate in predicates:
        scanner = dataset.scanner(filter=predicate, batch_size=_ROWS, batch_readahead=2)
        yield from scanner.to_batches()


def coverage(dataset: Any) -> Coverage:
    """Count the rows and those that no index covers; the vector index may be missing."""
    rows = int(dataset.count_rows())
    return Coverage(rows, _unindexed(dataset, "text", rows), _unindexed(dataset, "vector", 0))


def _unindexed(dataset: Any, column: str, without: int) -> int:
    for index in dataset.list_indices():
        if index["fields"] == [column]:
            return int(dataset.stats.index_stats(index["name"])["num_unindexed_rows"])
    return without


def _usable(vectors: pa.FixedSizeListArray) -> int:
    values = vectors.flatten().to_numpy().reshape(-1, vectors.type.list_size)
    return int((np.isfinite(values).all(axis=1) & values.any(axis=1)).sum())

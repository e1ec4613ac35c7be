"""Searching one release, always through its tag: the same question, the same answer.

Ties are broken by chunk id. The engines return ties in the order of their files, so more rows than
asked for are fetched until the score at the edge changes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakehouse.among import Among
from lakehouse.audit import Coverage, ReadBack, coverage, read_back, scan
from lakehouse.damage import reading_index
from lakehouse.location import Location
from lakehouse.matrix import Matrix, bytes_of
from lakehouse.ranking import Ranked, fuse, in_order
from lakehouse.releases import TaggedIndex
from lakehouse.row_names import BYTES_A_ROW, RowNames
from schemas.errors import LakehouseDamaged, ReleaseNotFound
from schemas.search import SearchSettings

Mode = Literal["vector", "text", "hybrid"]
_COLUMNS = ["chunk_id", "source", "doc_id", "heading", "text"]
_CANDIDATES = 100  # of each side of a hybrid search
_EVERY_PARTITION = 1_000_000
# Of an exact search that reads files: unless told, Lance has up to 2 GB of vectors on their way.
_READ_AT_ONCE = 2_048  # rows
_READ_AHEAD = 32 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage that answers. Greater scores are better; scores of two modes do not compare.

    vector: cosine similarity. text: BM25. hybrid: the fused score, from 0 to 1.
    """

    rank: int
    doc_id: str
    chunk_id: str
    score: float
    heading: str
    text: str
    source: str


class IndexReader:
    """One release, read only. Opening it costs milliseconds at any size."""

    def __init__(self, location: Location, release: TaggedIndex) -> None:
        import lance

        self.release = release
        self._matrix: Matrix | None = None
        self._names: RowNames | None = None
        uri = location.child("lance", f"{release.lance_table}.lance")
        self._reading = partial(reading_index, location, release.lance_table)
        try:
            with self._reading():
                self._dataset = lance.dataset(
                    uri, version=release.lance_tag, storage_options=location.lance_options or None
                )
        except LakehouseDamaged as error:
            raise ReleaseNotFound(
                f"release {release.seq} does not open at {uri}: files of its index are missing or "
                "damaged. `almanac doctor` says what is wrong, and with --heal mends it"
            ) from error

    def count_rows(self) -> int:
        """Rows of the release as its table has them."""
        with self._reading():
            return int(self._dataset.count_rows())

    def least_rows(self, count: int) -> list[dict[str, Any]]:
        """The `count` rows with the least row hashes, vector and text included."""
        with self._reading():
            hashes = self._dataset.to_table(columns=["row_hash"])["row_hash"].to_pylist()
            order = heapq.nsmallest(count, range(len(hashes)), key=hashes.__getitem__)
            found: list[dict[str, Any]] = self._dataset.take(order).to_pylist() if order else []
        return found

    def rows(self, chunk_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Rows by chunk id, vector and text included, in the order of storage."""
        wanted = ", ".join(f"'{chunk}'" for chunk in sorted(chunk_ids))
        if not wanted:
            return []
        with self._reading():
            scanner = self._dataset.scanner(filter=f"chunk_id IN ({wanted})")
            found: list[dict[str, Any]] = scanner.to_table().to_pylist()
        return found

    def read_back(self) -> ReadBack:
        """Read every row and hash what is really there."""
        with self._reading():
            return read_back(self._dataset)

    def scan(self) -> Iterator[pa.RecordBatch]:
        """Every row, a batch at a time."""
        with self._reading():
            yield from scan(self._dataset)

    def coverage(self) -> Coverage:
        """Count the rows and those that no index covers."""
        with self._reading():
            return coverage(self._dataset)

    def has_index(self, column: str) -> bool:
        """Is there an index on a column?"""
        with self._reading():
            return any(index["fields"] == [column] for index in self._dataset.list_indices())

    def pin(self, most_bytes: int) -> bool:
        """Hold all vectors in memory for exact searches; False where that is over the bound.

        An approximate index needs none, and so does an empty release. The ids of rows are held in
        any case, as far as the bound allows.
        """
        if not self.release.rows:
            return False
        with self._reading():
            rows = int(self._dataset.count_rows())
            dimension = int(self._dataset.schema.field("vector").type.list_size)
            is_exact = self.release.search["vector"] == "exact"
            if is_exact and bytes_of(rows, dimension) <= most_bytes:
                columns = ["chunk_id", "source", "doc_id", "vector"]
                scanner = self._dataset.scanner(columns=columns, with_row_id=True)
                self._matrix = Matrix(scanner.to_batches(), rows, dimension)
                self._names = self._matrix.names
                return True
            if rows * BYTES_A_ROW <= most_bytes:
                found = self._dataset.to_table(columns=["chunk_id"], with_row_id=True)
                numbers = found["_rowid"].to_numpy().astype(np.uint64)
                self._names = RowNames(numbers, found["chunk_id"].to_pylist())
        return False

    def unpin(self) -> None:
        """Let go of the vectors in memory; exact searches read the files again."""
        self._matrix = None
        self._names = None

    def vector(self, query: NDArray[np.float32], k: int, among: Among | None = None) -> list[Hit]:
        """The `k` nearest by cosine to a query of shape (dimension,); of some documents alone."""
        return self.filled(self.rank_vector(query, k, among))

    def rank_vector(
        self, query: NDArray[np.float32], k: int, among: Among | None = None
    ) -> list[Ranked]:
        """The same without texts."""
        if (matrix := self._matrix) is not None:
            return matrix.nearest(query, k, among)
        search = SearchSettings.of(self.release.search)
        exact = search.vector == "exact"
        nearest: dict[str, Any] = {"column": "vector", "q": query, "metric": "cosine"}
        nearest |= {"use_index": not exact}
        if not exact:
            nearest |= {"nprobes": search.nprobes, "refine_factor": search.refine_factor}

        def fetch(limit: int, columns: list[str]) -> pa.Table:
            return self._dataset.to_table(
                columns=columns,
                nearest=nearest | {"k": limit},
                with_row_id=True,
                batch_size=_READ_AT_ONCE,
                io_buffer_size=_READ_AHEAD,
                **_only(among),
            )

        return self._ranked(fetch, "_distance", k)

    def leads_to(self, chunk_id: str, query: NDArray[np.float32]) -> bool:
        """Does a search for a row's own vector reach that row, whatever ranks before it?"""
        exact = self.release.search["vector"] == "exact"
        every: dict[str, Any] = {"use_index": False} if exact else {"nprobes": _EVERY_PARTITION}
        nearest = {"column": "vector", "q": query, "metric": "cosine", "k": 1} | every
        found = self._dataset.to_table(
            columns=["chunk_id"], nearest=nearest, filter=_is_chunk(chunk_id), prefilter=True
        )
        return bool(found.num_rows)

    def has_word(self, chunk_id: str, word: str) -> bool:
        """Does a search for a word reach a row, whatever ranks before it?"""
        from lance.query import MatchQuery

        found = self._dataset.to_table(
            columns=["chunk_id"],
            full_text_query=MatchQuery(word, "text"),
            filter=_is_chunk(chunk_id),
            prefilter=True,
            limit=1,
        )
        return bool(found.num_rows)

    def text(self, query: str, k: int, among: Among | None = None) -> list[Hit]:
        """The `k` best by BM25 over heading path and text, stemmed in the release's language.

        How rare a word is is counted over the whole release, whatever is searched.
        """
        return self.filled(self.rank_text(query, k, among))

    def rank_text(self, query: str, k: int, among: Among | None = None) -> list[Ranked]:
        """The same without texts."""
        from lance.query import MatchQuery

        if not self.release.rows or not query.strip():
            return []
        match = MatchQuery(query, "text")

        def fetch(limit: int, columns: list[str]) -> pa.Table:
            return self._dataset.to_table(
                columns=columns,
                full_text_query=match,
                limit=limit,
                with_row_id=True,
                **_only(among),
            )

        return self._ranked(fetch, "_score", k)

    def hybrid(
        self, query: str, vector: NDArray[np.float32], k: int, among: Among | None = None
    ) -> list[Hit]:
        """Both searches fused. Of the candidates of each, the texts of the best alone are read."""
        return self.filled(self.rank_hybrid(query, vector, k, among))

    def rank_hybrid(
        self, query: str, vector: NDArray[np.float32], k: int, among: Among | None = None
    ) -> list[Ranked]:
        """The same without texts."""
        depth = max(_CANDIDATES, k)
        first = self.rank_vector(vector, depth, among)
        return fuse(first, self.rank_text(query, depth, among))[:k]

    def filled(self, ranked: Sequence[Ranked]) -> list[Hit]:
        """Ranked rows with their columns."""
        rows = self.take(ranked, _COLUMNS)
        return [
            Hit(rank=rank, score=one.score, **row)
            for rank, (one, row) in enumerate(zip(ranked, rows, strict=True), 1)
        ]

    def take(self, ranked: Sequence[Ranked], columns: Sequence[str]) -> list[dict[str, Any]]:
        """These columns of ranked rows, chunk_id among them, in the same order."""
        if not ranked:
            return []
        with self._reading():
            rows = self._dataset._take_rows([one.row for one in ranked], list(columns)).to_pylist()
        found = {row["chunk_id"]: row for row in rows}
        return [found[one.chunk_id] for one in ranked]

    def _ranked(
        self, fetch: Callable[[int, list[str]], pa.Table], column: str, k: int
    ) -> list[Ranked]:
        names = self._names
        columns = [column] if names else ["chunk_id", column]
        total, limit = self.release.rows, k + 8
        if k < 1 or not total:
            return []
        while True:
            with self._reading():
                found = _ordered(fetch(min(limit, total), columns), column, names)
            if limit >= total or len(found) < limit or found[k - 1].score != found[-1].score:
                return found[:k]
            limit *= 2


def _only(among: Among | None) -> dict[str, Any]:
    # By default Lance filters what it found; then hits are lost.
    return {} if among is None else {"filter": among.predicate, "prefilter": True}


def _is_chunk(chunk_id: str) -> str:
    return f"chunk_id = '{chunk_id}'"


def _ordered(rows: pa.Table, column: str, names: RowNames | None) -> list[Ranked]:
    sign = -1.0 if column == "_distance" else 1.0
    base = 1.0 if column == "_distance" else 0.0
    ids = names.of(rows["_rowid"].to_numpy()) if names else rows["chunk_id"].to_pylist()
    found = zip(ids, rows[column].to_pylist(), rows["_rowid"].to_pylist(), strict=True)
    return in_order([Ranked(chunk, base + sign * value, row) for chunk, value, row in found])

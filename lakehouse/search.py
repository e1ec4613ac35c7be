"""Searching one release, always through its tag: the same question, the same answer.

Ties are broken by chunk id. The engines return ties in the order of their files, so more rows than
asked for are fetched until the score at the edge changes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lakehouse.audit import Coverage, ReadBack, coverage, read_back, scan
from lakehouse.damage import reading_index
from lakehouse.location import Location
from lakehouse.releases import TaggedIndex
from schemas.errors import LakehouseDamaged, ReleaseNotFound
from schemas.search import SearchSettings

Mode = Literal["vector", "text", "hybrid"]
_COLUMNS = ["chunk_id", "source", "doc_id", "heading", "text"]
_CANDIDATES = 100  # of each side of a hybrid search
_RRF_K = 60
_EVERY_PARTITION = 1_000_000


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

    def vector(self, query: NDArray[np.float32], k: int) -> list[Hit]:
        """The `k` nearest by cosine to a query of shape (dimension,)."""
        search = SearchSettings.of(self.release.search)
        exact = search.vector == "exact"
        nearest: dict[str, Any] = {"column": "vector", "q": query, "metric": "cosine"}
        nearest |= {"use_index": not exact}
        if not exact:
            nearest |= {"nprobes": search.nprobes, "refine_factor": search.refine_factor}

        def fetch(limit: int) -> pa.Table:
            columns = [*_COLUMNS, "_distance"]
            return self._dataset.to_table(columns=columns, nearest=nearest | {"k": limit})

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

    def text(self, query: str, k: int) -> list[Hit]:
        """The `k` best by BM25 over heading path and text, stemmed in the release's language."""
        from lance.query import MatchQuery

        if not self.release.rows or not query.strip():
            return []
        match = MatchQuery(query, "text")

        def fetch(limit: int) -> pa.Table:
            columns = [*_COLUMNS, "_score"]
            return self._dataset.to_table(columns=columns, full_text_query=match, limit=limit)

        return self._ranked(fetch, "_score", k)

    def hybrid(self, query: str, vector: NDArray[np.float32], k: int) -> list[Hit]:
        """Both searches fused."""
        depth = max(_CANDIDATES, k)
        return fuse(self.vector(vector, depth), self.text(query, depth))[:k]

    def _ranked(self, fetch: Callable[[int], pa.Table], column: str, k: int) -> list[Hit]:
        total, limit = self.release.rows, k + 8
        if k < 1 or not total:
            return []
        while True:
            with self._reading():
                found = _ordered(fetch(min(limit, total)), column)
            if limit >= total or len(found) < limit or found[k - 1].score != found[-1].score:
                return found[:k]
            limit *= 2


def _is_chunk(chunk_id: str) -> str:
    return f"chunk_id = '{chunk_id}'"


def _ordered(rows: pa.Table, column: str) -> list[Hit]:
    sign = -1.0 if column == "_distance" else 1.0
    base = 1.0 if column == "_distance" else 0.0
    scored = [(base + sign * row[column], row) for row in rows.to_pylist()]
    scored.sort(key=lambda pair: (-pair[0], pair[1]["chunk_id"]))
    return [_hit(rank, score, row) for rank, (score, row) in enumerate(scored, 1)]


def _hit(rank: int, score: float, row: dict[str, Any]) -> Hit:
    return Hit(rank=rank, score=score, **{name: row[name] for name in _COLUMNS})


def fuse(first: Sequence[Hit], second: Sequence[Hit]) -> list[Hit]:
    """Reciprocal rank fusion, k = 60 (Cormack, Clarke and Buettcher, SIGIR 2009)."""
    scores: dict[str, float] = {}
    hits: dict[str, Hit] = {}
    for ranking in (first, second):
        for hit in ranking:
            scores[hit.chunk_id] = scores.get(hit.chunk_id, 0.0) + 1.0 / (_RRF_K + hit.rank)
            hits.setdefault(hit.chunk_id, hit)
    order = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))
    return [
        replace(hits[chunk], rank=rank, score=scores[chunk]) for rank, chunk in enumerate(order, 1)
    ]

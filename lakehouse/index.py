"""Writing a search index: one LanceDB table per index, embedder and chunker, one writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.ann import AnnModels
from lakehouse.location import Location
from lakehouse.rows import row_hash
from schemas.hashing import sha256_parts
from schemas.tables import index_schema

_BATCH = 2_000  # keys in one SQL list
_ROWS = 100_000  # rows in one merge, which costs a pass over the stored vectors


def table_name(index: str, embedder: str, chunker: str) -> str:
    """The Lance table that holds an index under one embedder key and one chunker."""
    return f"{index}-{embedder}-{sha256_parts(chunker)[:8]}"


def release_tag(seq: int) -> str:
    """The Lance tag of a release. ASCII: another name would break the listing of tags."""
    return f"r{seq:08d}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Rows of the table, and how many of them an index on it does not cover."""

    rows: int
    unindexed_text_rows: int
    unindexed_vector_rows: int


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Rows as the table returns them: their hashes taken anew, and what is wrong with them.

    `null_vectors` counts vectors that are missing, not finite or all zeros.
    """

    row_hashes: tuple[bytes, ...]
    duplicate_keys: int
    null_vectors: int


class IndexWriter:
    """Brings one Lance table from the rows of one release to those of the next."""

    def __init__(self, location: Location, name: str, dimension: int) -> None:
        import lancedb

        self.name = name
        self.uri = location.child("lance", f"{name}.lance")
        self._dimension = dimension
        self._models = AnnModels(location, name)
        self._db = lancedb.connect(
            location.child("lance"), storage_options=location.lance_options or None
        )
        self._table: Any = self._open()

    def _open(self) -> Any:
        if self.name not in self._db.list_tables().tables:
            return None
        return self._db.open_table(self.name)

    def recover(self, tag: str | None, published: Iterable[str]) -> bool:
        """Undo what a killed writer left: back to the rows of `tag`, other tags removed.

        Without a tag the table belongs to no release and goes. True if there was anything to undo.
        """
        if self._table is None:
            return False
        if tag is None:
            self._db.drop_table(self.name)
            self._table = None
            return True
        keep = set(published)
        stale = [name for name in self._table.tags.list() if name not in keep]
        for name in stale:
            self._table.tags.delete(name)
        version = self._table.tags.get_version(tag)
        if self._table.version == version:
            return bool(stale)
        self._table.restore(version)
        return True

    def rows_of(self, documents: Iterable[tuple[str, str]]) -> dict[str, bytes]:
        """chunk_id to row hash, of all chunks of the (source, doc_id) documents."""
        if self._table is None:
            return {}
        found: dict[str, bytes] = {}
        for predicate in _document_predicates(documents):
            rows = self._scan(["chunk_id", "row_hash"], predicate)
            ids, hashes = rows["chunk_id"].to_pylist(), rows["row_hash"].to_pylist()
            found.update(zip(ids, hashes, strict=True))
        return found

    def apply(self, added: Iterable[pa.Table], removed: Sequence[str]) -> None:
        """Delete chunks by id, then add rows of `index_schema`, keyed by chunk_id."""
        if self._table is None:
            schema = index_schema(self._dimension)
            self._table = self._db.create_table(self.name, schema=schema)
        for batch in _batches(sorted(removed)):
            self._table.delete(f"chunk_id IN ({_literals(batch)})")
        for rows in added:
            merge = self._table.merge_insert("chunk_id").when_matched_update_all()
            merge.when_not_matched_insert_all().execute(rows)

    def cover(self, search: Mapping[str, Any]) -> None:
        """Make the full-text and, where `search` wants one, the vector index cover every row."""
        if self._table.count_rows() == 0:
            return
        self._cover_text(search)
        if search["vector"] == "ann":
            self._models.cover(self._table)

    def _cover_text(self, search: Mapping[str, Any]) -> None:
        from lancedb.index import FTS

        indexed = any(index.columns == ["text"] for index in self._table.list_indices())
        if indexed and search["text"] == "updated":
            self._table.to_lance().optimize.optimize_indices(
                index_names=["text_idx"], num_indices_to_merge=1000
            )
            self._table.checkout_latest()
            return
        config = FTS(
            language=search["language"], stem=True, remove_stop_words=False, ascii_folding=True
        )
        self._table.create_index("text", config=config, replace=True)

    def coverage(self) -> Coverage:
        """Count the rows and those that no index covers; the vector index may be missing."""
        if self._table is None:
            return Coverage(0, 0, 0)
        rows = int(self._table.count_rows())
        return Coverage(rows, self._unindexed("text", rows), self._unindexed("vector", 0))

    def _unindexed(self, column: str, without: int) -> int:
        for index in self._table.list_indices():
            if index.columns == [column]:
                return int(self._table.index_stats(index.name).num_unindexed_rows)
        return without

    def read_back(self, chunk_ids: Sequence[str]) -> ReadBack:
        """Read rows by id and hash what is really there, vector bytes included."""
        parts = [
            _hashed(self._scan(["chunk_id", "text_hash", "vector"], f"chunk_id IN ({batch})"))
            for batch in map(_literals, _batches(sorted(chunk_ids)))
        ]
        return ReadBack(
            tuple(row for part in parts for row in part.row_hashes),
            sum(part.duplicate_keys for part in parts),
            sum(part.null_vectors for part in parts),
        )

    def tag(self, name: str) -> int:
        """Name the present version for readers; the version number."""
        version = int(self._table.version)
        self._table.tags.create(name, version)
        return version

    @property
    def version(self) -> int:
        """The present version of the table; 0 before the first."""
        return int(self._table.version) if self._table is not None else 0

    def _scan(self, columns: list[str], predicate: str) -> pa.Table:
        return self._table.to_lance().scanner(columns=columns, filter=predicate).to_table()


def _hashed(rows: pa.Table) -> ReadBack:
    whole = rows.filter(pc.is_valid(rows["vector"]))
    vectors = whole["vector"].combine_chunks()
    values = vectors.flatten().to_numpy().reshape(-1, vectors.type.list_size)
    usable = np.isfinite(values).all(axis=1) & values.any(axis=1)
    ids, texts = whole["chunk_id"].to_pylist(), whole["text_hash"].to_pylist()
    stored = [row.tobytes() for row in values.astype("<f4", copy=False)]
    return ReadBack(
        tuple(map(row_hash, ids, texts, stored)),
        rows.num_rows - len(set(rows["chunk_id"].to_pylist())),
        rows.num_rows - int(usable.sum()),
    )


def _document_predicates(documents: Iterable[tuple[str, str]]) -> Iterator[str]:
    by_source: dict[str, list[str]] = {}
    for source, doc_id in documents:
        by_source.setdefault(source, []).append(doc_id)
    for source, ids in sorted(by_source.items()):
        for batch in _batches(sorted(ids)):
            yield f"source = {_literal(source)} AND doc_id IN ({_literals(batch)})"


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def _literals(values: Iterable[str]) -> str:
    return ", ".join(_literal(value) for value in values)


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def merge_sizes(count: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the merges that `count` rows are written in."""
    for start in range(0, count, _ROWS):
        yield start, min(start + _ROWS, count)

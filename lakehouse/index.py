"""Writing a search index: one LanceDB table per index, embedder and chunker, one writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.ann import AnnModels
from lakehouse.location import Location
from lakehouse.rows import row_hash
from schemas.hashing import sha256_parts
from schemas.tables import index_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

_BATCH = 2_000  # keys in one SQL list
_ROWS = 20_000  # rows in one merge: bounds memory, not results


def table_name(index: str, embedder: str, chunker: str) -> str:
    """The Lance table that holds an index under one embedder key and one chunker."""
    return f"{index}-{embedder}-{sha256_parts(chunker)[:8]}"


def release_tag(seq: int) -> str:
    """The Lance tag of a release. ASCII: another name would break the listing of tags."""
    return f"r{seq:08d}"


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What the table holds after a write, read back from it."""

    rows: int
    unindexed_text_rows: int
    unindexed_vector_rows: int


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

    def facts(self) -> IndexFacts:
        """Count the rows and those that no index covers; without an index none has to."""
        rows = int(self._table.count_rows())
        return IndexFacts(rows, self._unindexed("text", rows), self._unindexed("vector", 0))

    def _unindexed(self, column: str, without: int) -> int:
        for index in self._table.list_indices():
            if index.columns == [column]:
                return int(self._table.index_stats(index.name).num_unindexed_rows)
        return without

    def wrong_rows(self, expected: pa.Table) -> list[str]:
        """Ids of rows that do not read back as they were written, vector bytes included."""
        wrong: list[str] = []
        for batch in _batches(expected["chunk_id"].to_pylist()):
            predicate = f"chunk_id IN ({_literals(batch)})"
            rows = self._scan(["chunk_id", "text_hash", "row_hash", "vector"], predicate)
            sound = {row["chunk_id"] for row in _with_hashes(rows) if row["sound"]}
            wrong += [chunk for chunk in batch if chunk not in sound]
        return wrong

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


def _with_hashes(rows: pa.Table) -> Iterator[dict[str, Any]]:
    vectors = rows["vector"].combine_chunks()
    width = vectors.type.list_size
    values = vectors.flatten().to_numpy().astype("<f4").reshape(-1, width)
    ids, texts = rows["chunk_id"].to_pylist(), rows["text_hash"].to_pylist()
    for at, stored in enumerate(rows["row_hash"].to_pylist()):
        sound = row_hash(ids[at], texts[at], values[at].tobytes()) == stored
        yield {"chunk_id": ids[at], "sound": sound}


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

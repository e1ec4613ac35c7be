"""Writing a search index: one LanceDB table per index, embedder and chunker, one writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import pyarrow as pa

from lakehouse.ann import AnnModels
from lakehouse.audit import Coverage, ReadBack, coverage, read_back
from lakehouse.columns import literal, literals
from lakehouse.damage import reading_index
from lakehouse.delta import DeltaLog
from lakehouse.files import Files
from lakehouse.location import Location
from schemas.errors import LeaseHeld
from schemas.hashing import sha256_parts
from schemas.tables.releases import index_schema

# How a text becomes words. Releases without the setting were made at blanks and signs.
_TOKENIZERS: dict[str, dict[str, Any]] = {
    "words": {},
    "icu": {"base_tokenizer": "icu"},
    "ngram": {"base_tokenizer": "ngram", "ngram_min_length": 2, "ngram_max_length": 3},
}
_BATCH = 2_000  # keys in one SQL list
_ROWS = 100_000  # rows in one merge, which costs a pass over the stored vectors


def table_name(index: str, embedder: str, chunker: str) -> str:
    """The Lance table that holds an index under one embedder key and one chunker."""
    return f"{index}-{embedder}-{sha256_parts(chunker)[:8]}"


def release_tag(seq: int, placement: int = 1) -> str:
    """The Lance tag of a release in its first, second ... place; a tag is never moved.

    ASCII: another name would break the listing of tags.
    """
    return f"r{seq:08d}" if placement == 1 else f"r{seq:08d}.{placement}"


_P = ParamSpec("_P")
_R = TypeVar("_R")


def _told(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """A method of IndexWriter in which LanceDB may meet damaged files; see `lakehouse.damage`."""

    @wraps(method)
    def told(*arguments: _P.args, **named: _P.kwargs) -> _R:
        writer: Any = arguments[0]
        with writer.reading():
            return method(*arguments, **named)

    return told


class IndexWriter:
    """Brings one Lance table from the rows of one release to those of the next.

    Lance fits a late write of another in between ours: so each change asks whether the lease still
    stands, and sees that it made the very next version of the table.
    """

    def __init__(self, location: Location, name: str, dimension: int) -> None:
        import lancedb

        self.name = name
        self._guard = location.guard
        self._files = Files(location)
        self.reading = partial(reading_index, location, name)
        self.uri = location.child("lance", f"{name}.lance")
        self._dimension = dimension
        self._models = AnnModels(DeltaLog(location, "ann_models"), name)
        self._options = location.lance_options or None
        self._db = lancedb.connect(location.child("lance"), storage_options=self._options)
        self._table: Any = self._open()

    @_told
    def _open(self) -> Any:
        # A folder without a version is what a killed writer left.
        versions = self._files.sizes(f"lance/{self.name}.lance/_versions")
        if not any(path.endswith(".manifest") for path in versions):
            return None
        return self._db.open_table(self.name)

    @_told
    def recover(self, tag: str | None, published: Iterable[str]) -> bool:
        """Undo what a killed writer left: back to the rows of `tag`, other tags removed.

        Without a tag the table belongs to no release and goes. True if there was anything to undo.
        """
        if self._table is None:
            return False
        self._guard.check()
        if tag is None:
            self._db.drop_table(self.name)
            self._table = None
            return True
        keep = set(published)
        stale = [name for name in self._table.tags.list() if name not in keep]
        for name in stale:
            self._guard.check()
            self._table.tags.delete(name)
        version = self._table.tags.get_version(tag)
        if self._table.version == version:
            return bool(stale)
        self._table.restore(version)
        return True

    @_told
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

    @_told
    def create(self, rows: Iterable[pa.RecordBatch]) -> None:
        """Fill a table that does not exist yet, in one commit; keys must be unique."""
        import lance

        self._guard.check()
        schema = index_schema(self._dimension)
        lance.write_dataset(
            pa.RecordBatchReader.from_batches(schema, iter(rows)),
            self.uri,
            schema=schema,
            max_rows_per_file=_ROWS,  # a compaction rewrites whole files
            storage_options=self._options,
        )
        self._table = self._db.open_table(self.name)

    @_told
    def apply(self, added: Iterable[pa.Table], removed: Sequence[str]) -> None:
        """Delete chunks by id, then add rows of `index_schema`, keyed by chunk_id."""
        if self._table is None:
            self.create([])
        for batch in _batches(sorted(removed)):
            with self._next_version():
                self._table.delete(f"chunk_id IN ({literals(batch)})")
        for rows in added:
            merge = self._table.merge_insert("chunk_id").when_matched_update_all()
            with self._next_version():
                merge.when_not_matched_insert_all().execute(rows)

    @_told
    def cover(self, search: Mapping[str, Any], rebuild: bool = False) -> None:
        """Make the full-text and, where `search` wants one, the vector index cover every row.

        `rebuild`: the full-text index is of other settings than these, and is made anew.
        """
        if self._table.count_rows() == 0:
            return
        with self._next_version():
            self._cover_text(search, rebuild)
        if search["vector"] == "ann":
            with self._next_version():
                self._models.cover(self._table)

    def _cover_text(self, search: Mapping[str, Any], rebuild: bool) -> None:
        from lancedb.index import FTS

        indexed = any(index.columns == ["text"] for index in self._table.list_indices())
        if indexed and search["text"] == "updated" and not rebuild:
            self._table.to_lance().optimize.optimize_indices(
                index_names=["text_idx"], num_indices_to_merge=1000
            )
            self._table.checkout_latest()
            return
        config = FTS(
            language=search["language"],
            stem=True,
            remove_stop_words=False,
            ascii_folding=True,
            **_TOKENIZERS[search.get("tokenizer", "words")],
        )
        self._table.create_index("text", config=config, replace=True)

    @_told
    def coverage(self) -> Coverage:
        """Count the rows and those that no index covers; the vector index may be missing."""
        return coverage(self._table.to_lance()) if self._table is not None else Coverage(0, 0, 0)

    @_told
    def read_back(self, chunk_ids: Sequence[str] | None = None) -> ReadBack:
        """Read rows by id, or all of them, and hash what is really there."""
        if chunk_ids is None:
            return read_back(self._table.to_lance())
        batches = map(literals, _batches(sorted(chunk_ids)))
        return read_back(self._table.to_lance(), (f"chunk_id IN ({batch})" for batch in batches))

    @_told
    def compact(self) -> bool:
        """Write small fragments together as a new version; False if there was nothing to do."""
        self._guard.check()
        done = self._table.to_lance().optimize.compact_files(target_rows_per_fragment=_ROWS)
        self._table.checkout_latest()
        return bool(done.fragments_removed)

    @_told
    def tag(self, name: str) -> int:
        """Name the present version for readers; the version number."""
        version = int(self._table.version)
        self._guard.check()
        self._table.tags.create(name, version)
        return version

    @property
    def exists(self) -> bool:
        """Is there a table already?"""
        return self._table is not None

    @property
    @_told
    def version(self) -> int:
        """The present version of the table; 0 before the first."""
        return int(self._table.version) if self._table is not None else 0

    @contextmanager
    def _next_version(self) -> Iterator[None]:
        """A change that makes one version, or none where there is nothing to do."""
        self._guard.check()
        before = self.version
        yield
        if self.version > before + 1:
            raise LeaseHeld(
                f"another writer changed {self.name} at the same time (version {self.version} "
                f"came after {before}): nothing was published"
            )

    def _scan(self, columns: list[str], predicate: str) -> pa.Table:
        return self._table.to_lance().scanner(columns=columns, filter=predicate).to_table()


def _document_predicates(documents: Iterable[tuple[str, str]]) -> Iterator[str]:
    by_source: dict[str, list[str]] = {}
    for source, doc_id in documents:
        by_source.setdefault(source, []).append(doc_id)
    for source, ids in sorted(by_source.items()):
        for batch in _batches(sorted(ids)):
            yield f"source = {literal(source)} AND doc_id IN ({literals(batch)})"


def _batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def merge_sizes(count: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the merges that `count` rows are written in."""
    for start in range(0, count, _ROWS):
        yield start, min(start + _ROWS, count)

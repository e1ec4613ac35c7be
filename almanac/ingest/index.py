"""Write the rows of a snapshot into an index, from what Delta has stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from almanac.core.progress import Ticking
from almanac.ingest.models import Models
from almanac.ingest.run import Run
from almanac.ingest.scripts import Scripts
from almanac.ingest.snapshot import IndexChange
from lakehouse import Lakehouse
from lakehouse.index import IndexWriter, merge_sizes
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, updated_digest
from schemas.search import SearchSettings, later_search_settings
from schemas.settings import IndexSettings
from schemas.tables.releases import index_schema

_log = logging.getLogger("almanac.index")
_LARGE = 50_000  # rows; of fewer an index takes seconds
Search = Callable[[int], dict[str, Any]]  # how a release of so many rows is searched


@dataclass(frozen=True, slots=True)
class Recipe:
    """What turns documents into rows: the names of chunker and embedder, and the vectors' size."""

    chunker: str
    embedder: str
    dimension: int

    @classmethod
    def of(cls, release: Release) -> Recipe:
        """The recipe that made a release."""
        dimension = release.embedder_identity["dimension"]
        return cls(release.chunker, release.embedder, dimension)


class Written:
    """An index that is written but not published: what changed in it and what it must hold.

    `added` are the ids of rows that came, None where the table was made from nothing; `removed`
    maps the ids of rows that went to their row hashes.
    """

    def __init__(self, writer: IndexWriter, change: IndexChange, recipe: Recipe) -> None:
        self.writer = writer
        self.change = change
        self.recipe = recipe
        self.added: list[str] | None = None
        self.removed: dict[str, bytes] = {}
        self.rows = change.base.rows if change.base else 0
        self.digest = change.base.digest if change.base else EMPTY_DIGEST
        self.search: dict[str, Any] = {}
        self.scripts = Scripts()

    @property
    def added_rows(self) -> int:
        """Rows that were not in the index before."""
        return self.rows if self.added is None else len(self.added)

    def takes(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Count rows that come."""
        self.rows += batch.num_rows
        self.scripts.count(batch["text"])
        self.digest = updated_digest(self.digest, batch["row_hash"].to_pylist(), ())
        if self.added is not None:
            self.added += batch["chunk_id"].to_pylist()

    def drops(self, removed: dict[str, bytes]) -> None:
        """Count rows that go."""
        self.removed = removed
        self.rows -= len(removed)
        self.digest = updated_digest(self.digest, (), removed.values())


def write_index(run: Run, models: Models, change: IndexChange) -> Written:
    """Bring the configured index to the snapshot; see `bring`."""
    base = change.base
    writer = run.lake.write(base.lance_table if base else models.table, models.embedder.dimension)
    recipe = Recipe(models.chunker.identity, models.embedder.key, models.embedder.dimension)

    tags = [release.lance_tag for release in run.releases.history() if release.tier == "hot"]
    written = bring(run.lake, writer, change, recipe, tags)
    settings = search_settings(run.settings.index, written.rows, base, written.scripts)
    with run.timed("cover"):
        cover(written, lambda _: settings)
    return written


def bring(
    lake: Lakehouse, writer: IndexWriter, change: IndexChange, recipe: Recipe, tags: Iterable[str]
) -> Written:
    """Bring a Lance table to the rows of a snapshot: drop, then add.

    Starts from the rows of the change's base, whatever a killed run left there; `tags` are those
    that releases have.
    """
    base = change.base
    writer.recover(base.lance_tag if base else None, tags)
    written = Written(writer, change, recipe)
    if base is None:
        writer.create(_counted(written, _rows(lake, change, recipe)))
        return written
    written.added = []
    old = writer.rows_of(change.touched)
    kept: set[str] = set()
    fresh = list(_not_in(old, kept, _rows(lake, change, recipe)))
    written.drops({chunk: old[chunk] for chunk in sorted(old.keys() - kept)})
    table = pa.Table.from_batches(fresh, index_schema(recipe.dimension)).sort_by("chunk_id")
    written.takes(table)
    parts = (table.slice(start, stop - start) for start, stop in merge_sizes(table.num_rows))
    writer.apply(parts, list(written.removed))
    return written


def cover(written: Written, search: Search) -> None:
    """Bring the full-text and the vector index of what was written up to its rows."""
    written.search = search(written.rows)
    if written.rows > _LARGE:
        vector = " and the vector index" if written.search["vector"] == "ann" else ""
        _log.info("making the full-text index%s over %d rows", vector, written.rows)
    base = written.change.base
    before = base.search.get("tokenizer") if base else None
    written.writer.cover(written.search, rebuild=before != written.search.get("tokenizer"))


def _rows(lake: Lakehouse, change: IndexChange, recipe: Recipe) -> Iterator[pa.RecordBatch]:
    taken = change.taken.items()
    return lake.contents.rows(taken, recipe.chunker, recipe.embedder, recipe.dimension)


def _counted(written: Written, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    tick = Ticking(_log, "rows written")
    for batch in batches:
        written.takes(batch)
        tick(written.rows)
        yield batch


def _not_in(
    old: dict[str, bytes], kept: set[str], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The rows that differ from the `old` ones; ids of those that do not are added to `kept`."""
    tick, seen = Ticking(_log, "rows held against the index"), 0
    for batch in batches:
        seen += batch.num_rows
        tick(seen)
        ids, hashes = batch["chunk_id"].to_pylist(), batch["row_hash"].to_pylist()
        same = [old.get(chunk) == row for chunk, row in zip(ids, hashes, strict=True)]
        kept.update(chunk for chunk, equal in zip(ids, same, strict=True) if equal)
        yield batch.filter(pc.invert(pa.array(same, pa.bool_())))


def search_settings(
    settings: IndexSettings, rows: int, base: Release | None = None, scripts: Scripts | None = None
) -> dict[str, Any]:
    """How a release of that many rows is searched; stored with it, so that a date repeats it.

    An index that once became approximate stays so: going back and forth would retrain it. So does
    one that once needed another tokenizer; `scripts` are those of the rows that come.
    """
    approximate = rows >= settings.ann_above_rows or bool(base and base.search["vector"] == "ann")
    later = {name: getattr(settings, name) for name in later_search_settings()}
    later["tokenizer"] = _tokenizer(settings, base, scripts)
    return SearchSettings(
        language=settings.language,
        vector="ann" if approximate else "exact",
        text="rebuilt" if rows <= settings.rebuild_text_below_rows else "updated",
        nprobes=settings.nprobes,
        refine_factor=settings.refine_factor,
        **later,
    ).as_json()


def _tokenizer(settings: IndexSettings, base: Release | None, scripts: Scripts | None) -> str:
    """How texts become words."""
    chosen = settings.tokenizer
    if chosen == "auto":
        chosen = base.search.get("tokenizer", "words") if base else "words"
        if chosen == "words" and scripts:
            chosen = scripts.tokenizer()
    return chosen


def is_current(run: Run, models: Models, change: IndexChange, latest: Release | None) -> bool:
    """Would a release of this change answer exactly as the latest one does?"""
    if latest is None:
        return not change.after
    wanted = search_settings(run.settings.index, latest.rows, latest)
    made = (change.seq, models.chunker.identity, models.embedder.key, wanted)
    return made == (latest.snapshot_seq, latest.chunker, latest.embedder, latest.search)

"""Write the rows of a snapshot into the index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lakehouse.index import IndexWriter, merge_sizes
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, chunk_ids, index_rows, updated_digest
from schemas.settings import IndexSettings
from tasks.stages.models import Models
from tasks.stages.run import Run
from tasks.stages.snapshot import IndexChange


class Written:
    """An index that is written but not published: what changed in it and what it must hold.

    `removed` maps the ids of rows that went to their row hashes.
    """

    def __init__(self, writer: IndexWriter, change: IndexChange, search: dict[str, Any]) -> None:
        self.writer = writer
        self.change = change
        self.search = search
        self.added: list[pa.Table] = []
        self.removed: dict[str, bytes] = {}
        self.rows = 0
        self.digest = EMPTY_DIGEST

    @property
    def added_rows(self) -> int:
        """Rows that were not in the index before."""
        return sum(table.num_rows for table in self.added)


def write_index(run: Run, models: Models, change: IndexChange) -> Written:
    """Bring the Lance table to the snapshot: drop, add, and cover with indexes.

    Starts from the rows of the newest release of the table, whatever a killed run left there.
    """
    writer = run.lake.write(models.table, models.embedder.dimension)
    base = change.base
    tags = [release.lance_tag for release in run.releases.history()]
    writer.recover(base.lance_tag if base else None, tags)
    old = writer.rows_of(change.touched) if base else {}
    entries = {entry["chunk_id"]: entry for entry in _entries(run, models, change)}
    fresh = [entries[chunk] for chunk in sorted(entries.keys() - old.keys())]
    gone = {chunk: old[chunk] for chunk in sorted(old.keys() - entries.keys())}
    rows = (base.rows if base else 0) + len(fresh) - len(gone)
    written = Written(writer, change, search_settings(run.settings.index, rows, base))
    written.added, written.removed = _tables(run, models, fresh), gone
    written.rows = rows
    written.digest = updated_digest(
        base.digest if base else EMPTY_DIGEST,
        (digest for table in written.added for digest in table["row_hash"].to_pylist()),
        gone.values(),
    )
    writer.apply(written.added, list(gone))
    with run.timed("cover"):
        writer.cover(written.search)
    return written


def search_settings(
    settings: IndexSettings, rows: int, base: Release | None = None
) -> dict[str, Any]:
    """How a release of that many rows is searched; stored with it, so that a date repeats it.

    An index that once became approximate stays so: going back and forth would retrain it.
    """
    approximate = rows >= settings.ann_above_rows or bool(base and base.search["vector"] == "ann")
    return {
        "language": settings.language,
        "vector": "ann" if approximate else "exact",
        "text": "rebuilt" if rows <= settings.rebuild_text_below_rows else "updated",
        "nprobes": settings.nprobes,
        "refine_factor": settings.refine_factor,
    }


def is_current(run: Run, models: Models, change: IndexChange, latest: Release | None) -> bool:
    """Would a release of this change answer exactly as the latest one does?"""
    if latest is None:
        return not change.after
    wanted = search_settings(run.settings.index, latest.rows, latest)
    made = (change.seq, models.table, wanted)
    return made == (latest.snapshot_seq, latest.lance_table, latest.search)


def _entries(run: Run, models: Models, change: IndexChange) -> Iterator[dict[str, str]]:
    """Every row that the documents taken over must have, its vector left out."""
    chunks = run.lake.chunks.of(models.chunker.identity, change.taken.values())
    passages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in chunks.select(["document_hash", "heading", "text", "text_hash"]).to_pylist():
        passages[row["document_hash"]].append(row)
    for (source, doc_id), document_hash in sorted(change.taken.items()):
        cut = passages[document_hash]
        ids = chunk_ids(source, doc_id, [(row["heading"], row["text_hash"]) for row in cut])
        for chunk, row in zip(ids, cut, strict=True):
            yield {"chunk_id": chunk, "source": source, "doc_id": doc_id} | row


def _tables(run: Run, models: Models, fresh: Sequence[Mapping[str, str]]) -> list[pa.Table]:
    tables = []
    for start, stop in merge_sizes(len(fresh)):
        part = fresh[start:stop]
        vectors = run.lake.vectors.of(models.embedder.key, (entry["text_hash"] for entry in part))
        tables.append(index_rows(part, vectors, models.embedder.dimension))
    return tables

"""Write the index, hold it against Delta, and publish."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from expectations.runner import suite_fingerprint, validate
from lakehouse.index import IndexWriter, merge_sizes, release_tag
from lakehouse.lease import Lease
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, chunk_ids, index_rows, updated_digest
from schemas.errors import VerificationFailed
from schemas.report import CheckResult
from schemas.settings import IndexSettings
from tasks.sources.reading import reader_fingerprint
from tasks.stages.models import Models
from tasks.stages.run import Run
from tasks.stages.snapshot import IndexChange
from tasks.stages.versions import code_version, library_versions

_PROBES = 8


class Written:
    """An index that is written but not published: what changed in it and what it must hold."""

    def __init__(self, writer: IndexWriter, change: IndexChange, search: dict[str, Any]) -> None:
        self.writer = writer
        self.change = change
        self.search = search
        self.added: list[pa.Table] = []
        self.removed: list[str] = []
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
    gone = sorted(old.keys() - entries.keys())
    rows = (base.rows if base else 0) + len(fresh) - len(gone)
    written = Written(writer, change, search_settings(run.settings.index, rows, base))
    written.added, written.removed = _tables(run, models, fresh), gone
    written.rows = rows
    written.digest = updated_digest(
        base.digest if base else EMPTY_DIGEST,
        (digest for table in written.added for digest in table["row_hash"].to_pylist()),
        (old[chunk] for chunk in gone),
    )
    writer.apply(written.added, gone)
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
        ids = chunk_ids(source, doc_id, [row["text_hash"] for row in cut])
        for chunk, row in zip(ids, cut, strict=True):
            yield {"chunk_id": chunk, "source": source, "doc_id": doc_id} | row


def _tables(run: Run, models: Models, fresh: Sequence[Mapping[str, str]]) -> list[pa.Table]:
    tables = []
    for start, stop in merge_sizes(len(fresh)):
        part = fresh[start:stop]
        vectors = run.lake.vectors.of(models.embedder.key, (entry["text_hash"] for entry in part))
        tables.append(index_rows(part, vectors, models.embedder.dimension))
    return tables


def verify_index(run: Run, written: Written) -> tuple[CheckResult, ...]:
    """Read the table back and hold it against what Delta says it must hold.

    Raises:
        VerificationFailed: a must of `expectations/index.json` is broken; nothing was published.
    """
    facts = written.writer.facts() if written.rows else None
    wrong = [chunk for table in written.added for chunk in written.writer.wrong_rows(table)]
    row = {
        "doc_id": written.writer.name,
        "rows": facts.rows if facts else 0,
        "expected_rows": written.rows,
        "wrong_rows": len(wrong),
        "unindexed_text_rows": facts.unindexed_text_rows if facts else 0,
        "unindexed_vector_rows": facts.unindexed_vector_rows if facts else 0,
    }
    return _judged(row)


def _judged(row: dict[str, Any]) -> tuple[CheckResult, ...]:
    result = validate("index", pd.DataFrame([row]))
    if not result.passed:
        broken = [rejection for _, rejection in result.failing if rejection.severity == "must"]
        said = "; ".join(f"{one.expectation}: {one.reason} ({one.value})" for one in broken)
        raise VerificationFailed(f"the index differs from its snapshot, nothing published: {said}")
    return result.checks


def publish(run: Run, models: Models, written: Written, lease: Lease) -> Release:
    """Tag the index, ask it for some of its rows, and append the release.

    Raises:
        LeaseHeld: another writer took over; nothing was published.
        VerificationFailed: the tagged index does not find rows by their own vectors.
    """
    seq = run.releases.next_seq()
    release = _release(run, models, written, seq)
    _probe(run, release, written.added)
    lease.check()
    run.releases.append(release)
    return release


def _release(run: Run, models: Models, written: Written, seq: int) -> Release:
    settings = run.settings
    return Release(
        seq=seq,
        index=settings.index.name,
        kind="publish",
        logical_time=run.logical_time,
        published_at=datetime.now(UTC),
        run_id=run.run_id,
        snapshot_seq=written.change.seq,
        documents=len(written.change.after),
        rows=written.rows,
        digest=written.digest,
        chunker=models.chunker.identity,
        embedder=models.embedder.key,
        embedder_identity=asdict(models.embedder),
        lance_table=written.writer.name,
        lance_version=written.writer.tag(release_tag(seq)),
        lance_tag=release_tag(seq),
        search=written.search,
        made_by={
            "code": code_version(),
            "libraries": library_versions(),
            "rules": suite_fingerprint(),
            "readers": {
                name: reader_fingerprint(source) for name, source in settings.sources.items()
            },
            "threads": settings.embedder.threads,
        },
    )


def _probe(run: Run, release: Release, added: Sequence[pa.Table]) -> None:
    """Search the tagged index for some new rows by their own vectors."""
    reader = run.lake.read(release)
    missed = []
    for row in _first_rows(added):
        query = np.asarray(row["vector"], np.float32)
        hits = reader.vector(query, 1)
        # Equal texts are exact ties: any of them is an answer.
        if not hits or hits[0].text != row["text"]:
            missed.append(row["chunk_id"])
    if missed and release.search["vector"] == "exact":
        raise VerificationFailed(
            f"release {release.seq} was not published: {len(missed)} of its rows are not found by "
            f"their own vectors, the first is {missed[0]}"
        )


def _first_rows(added: Sequence[pa.Table]) -> list[dict[str, Any]]:
    return added[0].slice(0, _PROBES).to_pylist() if added else []

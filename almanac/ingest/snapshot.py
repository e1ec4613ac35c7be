"""Recover from a killed run, store what changed as a snapshot, and what an index must take over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from almanac.ingest.compare import Changes
from almanac.ingest.models import Models
from almanac.ingest.run import Run
from lakehouse.documents import Key, StoredDocument
from lakehouse.releases import Release


def recover(run: Run) -> int:
    """Forget what was never published; how many changes of documents that were.

    Raises:
        RunRefused: an erasure was killed midway, and must be finished first.
    """
    run.lake.erasures.check_finished()
    run.lake.placements.discard_after(run.releases.last_seq())
    return run.lake.documents.discard_after(run.releases.last_snapshot())


def store_changes(run: Run, changes: Changes) -> int:
    """Append the changes as the next snapshot; its number, the old one where nothing changed."""
    last = run.releases.last_snapshot()
    if not changes:
        return last
    run.lake.documents.append(last + 1, run.run_id, changes.puts, changes.deleted)
    return last + 1


class IndexChange:
    """Which documents a Lance table must take over or drop to hold snapshot `seq`.

    `base` is the newest release of that table: None builds it from nothing.
    """

    def __init__(
        self,
        seq: int,
        base: Release | None,
        before: Mapping[Key, StoredDocument],
        after: Mapping[Key, StoredDocument],
    ) -> None:
        self.seq = seq
        self.base = base
        self.after = after
        self.taken = {
            key: stored.document_hash
            for key, stored in after.items()
            if key not in before or before[key].document_hash != stored.document_hash
        }
        self.dropped = sorted(before.keys() - after.keys())

    @property
    def touched(self) -> list[Key]:
        """Documents whose rows in the table may change, in key order."""
        return sorted([*self.taken, *self.dropped])


def plan_index(run: Run, models: Models, seq: int) -> IndexChange:
    """Compare snapshot `seq` with what the newest release of this Lance table holds."""
    releases = run.releases.history()
    base = base_for(releases, models.chunker.identity, models.embedder.key)
    after = run.lake.documents.state(seq)
    if base and base.snapshot_seq == seq:
        return IndexChange(seq, base, after, after)
    before = run.lake.documents.state(base.snapshot_seq) if base else {}
    return IndexChange(seq, base, before, after)


def base_for(releases: Iterable[Release], chunker: str, embedder: str) -> Release | None:
    """The hot release that is nearest to the present among those of this chunker and embedder."""
    hot = [
        release
        for release in releases
        if release.tier == "hot" and (release.chunker, release.embedder) == (chunker, embedder)
    ]
    return max(hot, key=lambda release: (release.snapshot_seq, release.seq), default=None)

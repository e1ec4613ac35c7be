"""Is what Delta holds still what the last release was made of? Asked before a night builds on it.

A writer that starts mends what a crash left. Where a commit that a release was sealed with was lost
together with its rows, nothing of it can be made again: the documents would be those of an earlier
day, and a release upon them would hide for good what is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

from almanac.core.file_check import BACKUP
from almanac.core.operation import Operation
from almanac.releases.verify import rows_from_delta
from lakehouse.documents import Key, StoredDocument
from lakehouse.releases import Release
from schemas.errors import LakehouseDamaged
from schemas.times import isoformat

_TABLE = "document_changes"
_HELD = (_TABLE, "chunks", "embeddings")


def check_truth(run: Operation, state: Mapping[Key, StoredDocument]) -> None:
    """Hold the documents of the last snapshot against the newest release that was made of it.

    Their number is compared each time; every row only where a table was mended since that release.

    Args:
        state: the documents of the last snapshot.

    Raises:
        LakehouseDamaged: they are others; nothing was written.
    """
    mending = run.lake.mending()
    if mending and (faults := mending.files(_TABLE).faults()):
        raise _damaged(faults[0].reason)
    last = run.releases.last_snapshot()
    made = (one for one in run.releases.every_index() if one.snapshot_seq == last)
    newest = next((one for one in made if one.tier in ("hot", "cold")), None)
    if newest is None:
        return
    if len(state) != newest.documents:
        said = f"it has {len(state)} documents, and release {newest.seq} has {newest.documents}"
        raise _damaged(said)
    if _was_mended(run, newest):
        for finding in rows_from_delta(run.lake, newest):
            raise _damaged(f"release {newest.seq}: {finding.reason}")


def _was_mended(run: Operation, release: Release) -> bool:
    published = isoformat(release.published_at)
    return any(one.table in _HELD and one.at >= published for one in run.lake.set_aside())


def _damaged(reason: str) -> LakehouseDamaged:
    return LakehouseDamaged(
        f"the table {_TABLE} (the documents of every date) is damaged: {reason}. Nothing was "
        f"published: {BACKUP}"
    )

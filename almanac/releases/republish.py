"""Publish a release once more, as the newest one: history is only added to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from almanac.core.file_check import FileCheck
from almanac.core.operation import Operation
from lakehouse.index import release_tag
from lakehouse.lease import Lease
from lakehouse.placements import publish
from lakehouse.releases import Release
from schemas.errors import RunRefused, VerificationFailed
from schemas.times import isoformat


def check_whole(run: Operation, release: Release) -> None:
    """Can readers be given this release?

    Raises:
        ReleaseNotOpen, ReleaseNotFound: its index is not kept, or its files are missing.
        VerificationFailed: some of its files are damaged.
    """
    run.lake.read(release)
    files = FileCheck(run.lake, quick=True)
    wrong = [path for path in run.lake.tables.needed(release) if files.wrong(path)]
    if wrong:
        raise VerificationFailed(
            f"release {release.seq} can't be published: {len(wrong)} of its files are damaged, "
            f"the first {wrong[0]}; `almanac doctor --heal` mends it"
        )


def logical_time(run: Operation, history: Iterable[Release], at: datetime | None) -> datetime:
    """The logical time of a release that is published again: `at`, else now.

    Raises:
        RunRefused: a release of a later time answers already.
    """
    newest = max((one for one in history if one.serves), key=lambda one: one.logical_time)
    if at is not None and at < newest.logical_time:
        raise RunRefused(
            f"--at {isoformat(at)} is earlier than release {newest.seq} of "
            f"{isoformat(newest.logical_time)}: history is only added to"
        )
    return max(at or run.started_at, newest.logical_time)


def republish(
    run: Operation,
    lease: Lease,
    release: Release,
    *,
    kind: str,
    at: datetime,
    note: Mapping[str, Any],
    cause: str,
) -> int:
    """Append `release` as a new one of another number; that number.

    Args:
        kind: of the new release.
        at: its logical time.
        note: what is stored with it.
        cause: why it was placed, for its placement.
    """
    seq = run.releases.next_seq()
    tag = release_tag(seq)
    run.lake.tables.tag(release.lance_table, tag, release.lance_version)
    draft = release.again(
        seq=seq, kind=kind, logical_time=at, run_id=run.run_id, lance_tag=tag, note=note
    )
    sealed = run.lake.placements.sealed(release.seq)
    publish(
        run.lake,
        draft,
        lease.check,
        at=run.started_at,
        cause=cause,
        mark=release.mark,
        probes=sealed[0]["probes"] if sealed else None,
    )
    return seq

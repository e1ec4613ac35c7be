"""Let releases go by policy: out of LanceDB, later out of Delta, and their files with them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from almanac.core.operation import Operation, operation
from almanac.feedback.drain import bring_in, drain_all
from almanac.ingest.snapshot import base_for
from almanac.releases.erase import finish_erasure
from almanac.releases.policy import Verdict, judge
from almanac.releases.rebuild import free_tag
from lakehouse.assistants import releases_held
from lakehouse.lease import Lease
from lakehouse.placements import moved, prune_seals, seal_placement
from lakehouse.probes import ask_probes
from lakehouse.purge import Forgotten, forget
from schemas.settings import Settings
from schemas.times import isoformat

_log = logging.getLogger("almanac.retention")
_FRAGMENTS = 16  # from which on the present index is written together


def plan(settings: Settings, now: datetime | None = None) -> dict[str, Any]:
    """Per release its tier before and after, the rule, the bytes that go and what that costs."""
    bring_in(settings)
    run = Operation(settings, "retention plan", None)
    verdicts = _judged(run, now or datetime.now(UTC))
    return _report(run, verdicts) | {"applied": False, "seconds": run.seconds}


def apply(
    settings: Settings, now: datetime | None = None, run_id: str | None = None
) -> dict[str, Any]:
    """Do what `plan` says, write small files together, and clear what nothing needs any more.

    What readers see changes first, then the files go; a run that is killed in between is finished
    by the next one.
    """
    drain_all(settings)  # a request may name a release that nothing else keeps
    with operation(settings, "retention", run_id) as (run, lease):
        finish_erasure(settings, run.lake, run.run_id)
        verdicts = _judged(run, now or datetime.now(UTC))
        result = _report(run, verdicts)
        before = sum(run.lake.sizes().values())
        leaving = [verdict for verdict in verdicts if verdict.changes]
        _log.info("%d of %d releases leave their tier", len(leaving), len(verdicts))
        _let_go(run, leaving)
        grace = timedelta(minutes=settings.retention.grace_minutes)
        compacted = _compact(run)
        _log.info("clearing what no open release needs")
        _clean_lance(run, grace)
        forgotten = _forget(run, verdicts)
        _tidy(run, lease, grace)
        after = run.lake.sizes()
        result |= {
            "applied": True,
            "compacted": compacted,
            "forgotten": {
                "document_changes": forgotten.changes,
                "documents_in_chunks": forgotten.documents,
                "vectors": forgotten.vectors,
            },
            "bytes": {
                "before": before,
                "after": sum(after.values()),
                "referenced": referenced_bytes(run, after),
            },
            "seconds": run.seconds,
        }
        run.report = result
        return result


def _judged(run: Operation, now: datetime) -> list[Verdict]:
    policy = run.settings.retention
    young = now - timedelta(days=policy.requests_days)
    named = run.lake.requests.releases_since(young) if policy.requests_days else set()
    held = releases_held(run.lake.assistant_stages, run.lake.assistant_versions)
    return judge(run.releases.history(), policy, now, named, held)


def _report(run: Operation, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    going = _bytes_going(run, verdicts)
    rows = [
        {
            "release": verdict.release.seq,
            "as_of": isoformat(verdict.release.logical_time),
            "kind": verdict.release.kind,
            "before": verdict.release.tier,
            "after": verdict.tier,
            "rule": verdict.rule,
            "bytes": going.get(verdict.release.seq, 0),
        }
        for verdict in verdicts
    ]
    return {
        "releases": rows,
        "tiers": dict(Counter(verdict.tier for verdict in verdicts)),
        "bytes_going": going.get(0, 0),
        "unanswerable": list(_unanswerable(verdicts)),
    }


def _bytes_going(run: Operation, verdicts: Sequence[Verdict]) -> dict[int, int]:
    """Bytes in LanceDB that no release needs but this one, of each that leaves; under 0 in all."""
    leaving = [one.release for one in verdicts if one.changes and one.release.tier == "hot"]
    if not leaving:
        return {}
    sizes = run.lake.tables.sizes()
    hot = [release for release in run.releases.history() if release.tier == "hot"]
    needs = {release.seq: run.lake.tables.needed(release) for release in hot}
    users = Counter(path for paths in needs.values() for path in paths)
    gone = {release.seq for release in leaving}
    kept = {path for seq, paths in needs.items() if seq not in gone for path in paths}
    freed = {path for seq in gone for path in needs[seq]} - kept
    alone = {
        seq: sum(sizes.get(path, 0) for path in needs[seq] if users[path] == 1) for seq in gone
    }
    return alone | {0: sum(sizes.get(path, 0) for path in freed)}


def _unanswerable(verdicts: Sequence[Verdict]) -> Iterable[str]:
    """What can no longer be asked, as ranges of dates, oldest first."""
    oldest_first = list(reversed(verdicts))
    for key, group in groupby(oldest_first, key=lambda one: one.tier if one.changes else ""):
        if not key:
            continue
        releases = [one.release for one in group]
        first, last = releases[0], releases[-1]
        span = f"as of {isoformat(first.logical_time)} to {isoformat(last.logical_time)}"
        numbers = str(first.seq) if first is last else f"{first.seq} to {last.seq}"
        if key == "cold":
            yield (
                f"searches {span} (releases {numbers}), until `almanac restore --as-of N "
                "--mode reopen`; their documents and chunks stay readable"
            )
        else:
            yield f"everything {span} (releases {numbers}), for good"


def _let_go(run: Operation, verdicts: Sequence[Verdict]) -> None:
    run.lake.placements.append(
        moved(run.lake, one.release, one.tier, run_id=run.run_id, cause=one.rule)
        for one in verdicts
    )


def _compact(run: Operation) -> bool:
    """Write the fragments of the present index together, if all answers stay the same."""
    history = run.releases.history()
    latest = run.releases.latest()
    base = latest and base_for(history, latest.chunker, latest.embedder)
    if not base or run.lake.tables.fragments(base.lance_table) < _FRAGMENTS:
        return False
    tables = run.lake.tables
    if tables.contents(base.lance_table) != tables.contents(base.lance_table, base.lance_version):
        return False  # a killed run left rows there: the next nightly run clears them first
    writer = run.lake.write(base.lance_table, base.embedder_identity["dimension"])
    if not writer.compact():
        return False
    writer.cover(base.search)
    tag = free_tag(run.lake, base)
    there = replace(base, lance_version=writer.tag(tag), lance_tag=tag)
    found = run.lake.placements.sealed(base.seq)
    probes = ask_probes(run.lake.read(there))
    same = found is None or found[0]["probes"] == probes
    if not same or run.lake.read(there).read_back().digest != base.digest:
        writer.recover(base.lance_tag, [one.lance_tag for one in history if one.tier == "hot"])
        return False
    placed = seal_placement(
        run.lake, there, run_id=run.run_id, cause="compacted", mark=base.mark, probes=probes
    )
    run.lake.placements.append([placed])
    return True


def _clean_lance(run: Operation, grace: timedelta) -> None:
    """Drop the tables and tags of releases that left; other indexes keep theirs."""
    placed = run.lake.placements.newest().values()
    hot = [one for one in placed if one["tier"] == "hot"]
    known = {one["lance_table"] for one in placed}
    for table in run.lake.tables.names():
        tags = {one["lance_tag"] for one in hot if one["lance_table"] == table}
        if tags:
            run.lake.tables.clean(table, tags, grace)
        elif table in known:
            run.lake.tables.drop(table)


def _forget(run: Operation, verdicts: Sequence[Verdict]) -> Forgotten:
    # Those too that went before: a run that was killed may not have come as far as here.
    gone = [one.release for one in verdicts if one.tier == "gone"]
    if not gone:
        return Forgotten(0, 0, 0)
    numbers = {release.seq for release in gone}
    history = run.releases.every_index()
    kept = [one for one in history if one.tier != "gone" and one.seq not in numbers]
    return forget(run.lake, gone, kept)


def _tidy(run: Operation, lease: Lease, grace: timedelta) -> None:
    for log in run.lake.deltas():
        if log.name != "lease":
            log.tidy(grace)
    lease.tidy(grace)
    prune_seals(run.lake, run.releases.every_index())
    run.lake.delta("sealed_files").tidy(grace)
    run.lake.seal_tables()


def referenced_bytes(run: Operation, sizes: dict[str, int]) -> int:
    """Bytes of the files that hot releases and the present rows of the Delta tables need."""
    needed = {path for log in run.lake.deltas() for path in log.files()}
    for release in run.releases.every_index():
        if release.tier == "hot":
            needed.update(run.lake.tables.needed(release))
    return sum(sizes.get(path, 0) for path in needed)

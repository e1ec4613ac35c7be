"""Do what the plan of an erasure says: tables, indexes, folders, journal, and old files."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from almanac.cache.tending import forget_erased
from almanac.feedback.drain import forget
from almanac.feedback.refusals import erased_note
from almanac.releases.rebuild import rebuild
from almanac.training.jobs import clear_jobs
from lakehouse import Lakehouse
from lakehouse.erasing import carry_out
from lakehouse.erasure_plan import Plan
from lakehouse.personal import rewritten_tables
from lakehouse.placement_log import Placement
from lakehouse.placements import moved, prune_seals
from lakehouse.releases import Release
from schemas.settings import Settings
from schemas.times import as_utc

_log = logging.getLogger("almanac.erase")
_OUTSIDE = (
    "Not touched: Prefect's own database and logs, backups, copies made with `almanac restore "
    "--mode copy`, datasets that were exported, folders of tunes on other machines "
    "(tuning.workdir), and the sources themselves."
)


def execute(settings: Settings, lake: Lakehouse, plan: Plan, run_id: str) -> dict[str, Any]:
    """Do what a stored plan says, or the rest of it; the receipt."""
    at = as_utc(datetime.fromisoformat(plan.at))
    lake.erasures.begin(plan.receipt, plan.kind, plan.subjects, plan.contents, at)
    _log.info("erasing from the Delta tables")
    carry_out(lake, plan)
    rebuilt = _clear_indexes(lake, plan, run_id) if plan.kind == "document" else []
    folders = _clear_folders(settings, lake, plan) | {
        "journal": _clear_journal(settings, lake, plan),
        "kept_answers": forget_erased(settings, lake, plan.user_id or None),
    }
    _forget_bytes(lake)
    report = {
        "receipt": plan.receipt,
        "subject": plan.kind,
        "at": plan.at,
        "touched": dict(plan.counts),
        "folders": folders,
        "releases": [seq for seq, *_ in plan.releases],
        "rebuilt": rebuilt,
        "outside": _OUTSIDE,
    }
    lake.erasures.finish(plan.receipt, plan.kind, plan.subjects, at, report)
    lake.delta("erasures").forget_history()
    lake.seal_tables()
    lake.erasures.forget_plan()
    return report | {"same_text_elsewhere": list(plan.same_text_elsewhere)}


def _clear_indexes(lake: Lakehouse, plan: Plan, run_id: str) -> list[int]:
    """Build the tables again that hold a row of the documents; the releases in them.

    A row that was deleted, or that a killed run wrote, stands in the files of a table as well.
    Where a run before this one came so far already, the tables hold none and stay.
    """
    new = {seq: (documents, rows, digest) for seq, documents, rows, digest in plan.releases}
    mark = f"a document was erased on {plan.at[:10]} (receipt {plan.receipt})"
    releases = [one for one in lake.releases("").every_index() if one.tier != "gone"]
    changed = {one.seq: _without(one, *new[one.seq], mark) for one in releases if one.seq in new}
    tables = {name for name in lake.tables.names() if lake.tables.holds(name, plan.keys)}
    hot = [changed.get(one.seq, one) for one in releases
           if one.tier == "hot" and one.lance_table in tables]  # fmt: skip
    built = rebuild(lake, hot, lake, run_id=run_id, cause="built again after an erasure")
    cold = [
        moved(lake, one, "cold", run_id=run_id, cause=one.cause, forget_probes=True)
        for one in changed.values()
        if one.tier == "cold"
    ]
    fresh: dict[int, Placement] = {one.seq: one for one in cold}
    fresh |= {one.release.seq: one.placement for one in built}
    lake.placements.replace_all(fresh.get(one.seq, one) for one in lake.placements.standing())
    placed = {one["lance_table"] for one in lake.placements.newest().values()
              if one["tier"] == "hot"}  # fmt: skip
    # Those that a killed run or erasure left half built hold text that stands elsewhere.
    for table in sorted(tables | (set(lake.tables.names()) - placed)):
        lake.tables.drop(table)
    return sorted(one.release.seq for one in built)


def _without(release: Release, documents: int, rows: int, digest: str, mark: str) -> Release:
    marks = [one for one in release.mark.split("; ") if one and one != mark]
    return replace(
        release, documents=documents, rows=rows, digest=digest, mark="; ".join([*marks, mark])
    )


def _clear_folders(settings: Settings, lake: Lakehouse, plan: Plan) -> dict[str, int]:
    """Remove pages and job folders that hold the subject; how many of each."""
    pages = [f"data_docs/{quote(source, safe='')}.html" for source in _sources(plan.keys)]
    there = set(lake.sizes("data_docs")) & set(pages)
    lake.delete_files(sorted(there))
    aside = _set_aside(lake)
    lake.delete_files(aside)
    jobs = clear_jobs(settings, plan.datasets)
    return {"data_docs": len(there), "jobs": jobs, "set_aside": len(aside)}


def _clear_journal(settings: Settings, lake: Lakehouse, plan: Plan) -> int:
    """Erase what came since the journal was drained, and what its file had of all; how many rows.

    Also what would be refused for an earlier erasure when it is drained.
    """
    erased = lake.erasures.erased()
    return forget(
        settings, lambda item: erased_note(erased, item) is not None, plan.user_id or None
    )


def _set_aside(lake: Lakehouse) -> list[str]:
    """Damaged files that may hold anything of what their table held; nobody can look into them."""
    rewritten = [f"/delta/{name}/" for name in rewritten_tables() if name != "erasures"]
    return [
        path
        for path in lake.sizes("set_aside")
        if any(part in path for part in (*rewritten, "/lance/"))
    ]


def _sources(keys: Collection[tuple[str, str]]) -> list[str]:
    return sorted({source for source, _ in keys})


def _forget_bytes(lake: Lakehouse) -> None:
    """Leave no old file and no old log entry of the tables that rows were deleted from."""
    prune_seals(lake, lake.releases("").every_index())
    for name in rewritten_tables():
        if name != "erasures":  # it is written once more
            lake.delta(name).forget_history()

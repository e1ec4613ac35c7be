"""Forget a document or a user on purpose: out of every release, table, index and log.

An erasure is planned first, and the plan is stored before anything is deleted. From then on it is
carried out to its end: by the same command, by the next writer, or by `almanac doctor --heal`,
whatever point it was killed at. The plan holds the ids, and goes last.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from almanac.core.operation import Operation, operation
from almanac.feedback.drain import bring_in, drain_all, forget
from almanac.feedback.refusals import erased_note
from almanac.ingest.index import Recipe
from almanac.releases.rebuild import rebuild
from almanac.training.jobs import clear_jobs
from lakehouse import Lakehouse
from lakehouse.erasing import carry_out, plan_documents, plan_user
from lakehouse.erasure_plan import Extent, Plan, is_empty
from lakehouse.erasure_rows import documents_shown, extent
from lakehouse.erasures import document_subject, user_subject
from lakehouse.personal import rewritten_tables
from lakehouse.placement_log import Placement
from lakehouse.placements import moved, prune_seals
from lakehouse.releases import Release
from lakehouse.rows import updated_digest
from schemas.errors import AlmanacError, ConfigError
from schemas.hashing import sha256_parts
from schemas.settings import Settings
from schemas.times import as_utc, isoformat

_log = logging.getLogger("almanac.erase")
_OUTSIDE = (
    "Not touched: Prefect's own database and logs, backups, copies made with `almanac restore "
    "--mode copy`, datasets that were exported, folders of tunes on other machines "
    "(tuning.workdir), and the sources themselves."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be forgotten: a document by its id, or a user.

    `receipt` names an erasure that was made, to allow again what it took.
    """

    doc_id: str | None = None
    source: str | None = None
    user_id: str | None = None
    copies: bool = False
    receipt: str | None = None


def erase(
    settings: Settings, subject: Subject, *, dry_run: bool = False, run_id: str | None = None
) -> dict[str, Any]:
    """Erase, and return the receipt. An erasure that was killed is finished first.

    Raises:
        ConfigError: several sources have the document and none was named.
        AlmanacError: there is nothing of it.
    """
    if dry_run:
        bring_in(settings)
        run = Operation(settings, "erase", run_id)
        return _foreseen(run, subject) | {"dry_run": True, "seconds": run.seconds}
    drain_all(settings)  # what was logged a moment ago is erased with the rest
    with operation(settings, "erase", run_id) as (run, _):
        receipt = _finished_now(run, subject)
        if receipt is None:
            plan = _plan(run, subject)
            run.lake.erasures.keep_plan(plan.to_json())
            receipt = _carry_out(settings, run.lake, plan, run.run_id)
        run.report = {"receipt": receipt["receipt"], "touched": receipt["touched"]}
        return receipt | {"dry_run": False, "seconds": run.seconds}


def finish_erasure(settings: Settings, lake: Lakehouse, run_id: str) -> dict[str, Any] | None:
    """Carry out to its end an erasure that was killed; its receipt, None where there is none.

    Under the lease. Nothing may be published, moved or cleared before.

    Raises:
        RunRefused: a version that stored no plans began one; only the same command can finish it.
    """
    stored = lake.erasures.plan()
    if stored is None:
        lake.erasures.forget_plan()  # what was killed while it was written: nothing was begun
        lake.erasures.check_finished()
        return None
    _log.warning("finishing the erasure of %s, which was killed", stored["at"])
    return _carry_out(settings, lake, Plan.from_json(stored), run_id)


def allow(settings: Settings, subject: Subject, *, dry_run: bool = False) -> dict[str, Any]:
    """Let what an erasure took come back; `almanac quarantine retry` then reads it again.

    Raises:
        AlmanacError: nothing of the kind was erased, or it is allowed again already.
    """
    if dry_run:
        run = Operation(settings, "allow after erasure", None)
        return {"allowed": len(_receipts(run, subject)), "dry_run": True, "seconds": run.seconds}
    with operation(settings, "allow after erasure") as (run, _):
        receipts = _receipts(run, subject)
        count = sum(run.lake.erasures.allow(receipt, run.started_at) for receipt in receipts)
        return {"allowed": count, "dry_run": False, "seconds": run.seconds}


def _receipts(run: Operation, subject: Subject) -> list[str]:
    """The numbers of the erasures that took a subject."""
    log = run.lake.erasures
    if subject.receipt is not None:
        known = {receipt for receipt in log.standing() if receipt.startswith(subject.receipt)}
    else:
        known = {one.receipt for name in _names(run, subject) if (one := log.erased().find(name))}
    if len(known) != 1:
        several = "several erasures have a number that begins so"
        nothing = "it was never erased, or is allowed again already"
        raise AlmanacError(several if known else nothing)
    return sorted(known)


def _names(run: Operation, subject: Subject) -> list[str]:
    if subject.user_id is not None:
        return [user_subject(subject.user_id)]
    sources = [subject.source] if subject.source else sorted(run.settings.sources)
    return [document_subject(source, str(subject.doc_id)) for source in sources]


def _finished_now(run: Operation, subject: Subject) -> dict[str, Any] | None:
    """Finish an erasure that was killed; its receipt, if it was one of the same subject."""
    stored = run.lake.erasures.plan()
    if stored is None:
        return None
    receipt = finish_erasure(run.settings, run.lake, run.run_id)
    same = set(Plan.from_json(stored).subjects) & set(_names(run, subject))
    return receipt if same else None


def _foreseen(run: Operation, subject: Subject) -> dict[str, Any]:
    plan = _plan(run, subject)
    report: dict[str, Any] = {"subject": plan.kind, "touched": dict(plan.counts)}
    if plan.kind == "document":
        report["touched"] |= {
            "versions": plan.counts["document_changes"],
            "texts": plan.counts["embeddings"],
            "releases": [seq for seq, *_ in plan.releases],
        }
        report["same_text_elsewhere"] = list(plan.same_text_elsewhere)
    return report


def _plan(run: Operation, subject: Subject) -> Plan:
    named = sha256_parts("erasure", run.run_id, str(os.getpid()), str(time.time()))[:16]
    common = {"receipt": named, "at": isoformat(run.started_at)}
    if subject.user_id is not None:
        plan = plan_user(run.lake, subject.user_id, **common)
        # Also of a version that had no plans: it stored that it began, and may have been killed.
        record = run.lake.erasures.newest(user_subject(subject.user_id))
        if is_empty(plan) and not (record and record["status"] == "started"):
            raise AlmanacError("this user has no request and no vote here")
        return plan
    if older := _begun_without_plan(run, subject, common):
        return older
    found = extent(run.lake, _keys(run, subject))
    releases, chunk_ids = _affected(run.releases.every_index(), run.lake, found)
    return plan_documents(run.lake, found, chunk_ids, releases=releases, **common)


def _keys(run: Operation, subject: Subject) -> list[tuple[str, str]]:
    """The documents that are meant; with `copies`, every other that ever had the same text too."""
    doc_id = str(subject.doc_id)
    sources = {subject.source} if subject.source else set(run.settings.sources)
    known = run.lake.documents.sources_of(doc_id)
    known |= {row.source for row in run.lake.quarantine.rows(None) if row.doc_id == doc_id}
    known |= documents_shown(run.lake, doc_id, sources - known)
    if subject.source is not None:
        known &= {subject.source}
    if not known:
        # Errors are kept in `runs`: the id must not stand in them.
        raise AlmanacError(
            "no release and no quarantine row has a document of that id, and no request was shown "
            "one"
        )
    if len(known) > 1:
        names = ", ".join(sorted(known))
        raise ConfigError(f"several sources have a document of that id ({names}): say --source")
    keys = [(known.pop(), doc_id)]
    if subject.copies:
        keys += extent(run.lake, keys).elsewhere
    return keys


def _affected(
    releases: list[Release], lake: Lakehouse, found: Extent
) -> tuple[tuple[tuple[int, int, int, str], ...], set[str]]:
    """What each release will hold without the documents, and the chunk ids that go."""
    without: list[tuple[int, int, int, str]] = []
    chunk_ids: set[str] = set()
    for release in releases:
        pairs = [
            (key, text)
            for key in found.keys
            if (text := found.version_at(key, release.snapshot_seq)) is not None
        ]
        if release.tier == "gone" or not pairs:
            continue
        recipe = Recipe.of(release)
        batches = list(lake.contents.rows(pairs, recipe.chunker, recipe.embedder, recipe.dimension))
        hashes = [row for batch in batches for row in batch["row_hash"].to_pylist()]
        chunk_ids.update(chunk for batch in batches for chunk in batch["chunk_id"].to_pylist())
        digest = updated_digest(release.digest, (), hashes)
        without.append(
            (release.seq, release.documents - len(pairs), release.rows - len(hashes), digest)
        )
    return tuple(without), chunk_ids


def _begun_without_plan(
    run: Operation, subject: Subject, common: dict[str, str]
) -> Plan | None:  # pragma: no cover (see tests/compat)
    """The plan of an erasure that a version without stored plans began and did not finish.

    Its texts may be gone from Delta by now, so the hashes are those that it wrote down.
    """
    sources = [subject.source] if subject.source else sorted(run.settings.sources)
    for source in sources:
        key = (source, str(subject.doc_id))
        record = run.lake.erasures.newest(document_subject(*key))
        if not record or record["status"] != "started" or "plan" not in record["report"]:
            continue
        begun = record["report"]["plan"]
        found = replace(
            extent(run.lake, [key]),
            document_hashes=tuple(begun["document_hashes"]),
            text_hashes=tuple(begun["text_hashes"]),
        )
        releases = tuple((seq, *rest) for seq, *rest in begun["releases"])
        return plan_documents(run.lake, found, begun["chunk_ids"], releases=releases, **common)
    return None


def _carry_out(settings: Settings, lake: Lakehouse, plan: Plan, run_id: str) -> dict[str, Any]:
    """Do what a stored plan says, or the rest of it; the receipt."""
    at = as_utc(datetime.fromisoformat(plan.at))
    lake.erasures.begin(plan.receipt, plan.kind, plan.subjects, plan.contents, at)
    _log.info("erasing from the Delta tables")
    carry_out(lake, plan)
    rebuilt = _clear_indexes(lake, plan, run_id) if plan.kind == "document" else []
    folders = _clear_folders(settings, lake, plan) | {
        "journal": _clear_journal(settings, lake, plan)
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

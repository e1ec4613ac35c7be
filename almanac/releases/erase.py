"""Forget a document or a user on purpose: out of every release, table, index and log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from almanac.core.operation import Operation, operation
from almanac.ingest.index import Recipe
from almanac.releases.rebuild import rebuild
from lakehouse.erasing import Extent, count_user, erase_documents, erase_user, extent
from lakehouse.erasures import document_subject, user_subject
from lakehouse.placements import moved, prune_seals, seal_tables
from lakehouse.releases import Placement, Release
from lakehouse.rows import updated_digest
from schemas.errors import AlmanacError, ConfigError
from schemas.hashing import sha256_parts
from schemas.settings import Settings
from schemas.times import isoformat

_log = logging.getLogger("almanac.erase")
_TABLES = (
    "document_changes",
    "chunks",
    "embeddings",
    "quarantine",
    "source_files",
    "access",
    "runs",
    "placements",
    "requests",
    "votes",
    "triage",
    "training_examples",
    "rejected_examples",
    "evaluations",
    "sealed_files",
)
_OUTSIDE = (
    "Not touched: Prefect's own database and logs, backups, copies made with `almanac restore "
    "--mode copy`, datasets that were exported, folders of unfinished tunes (tuning.workdir), and "
    "the sources themselves."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be forgotten: a document by its id, or a user."""

    doc_id: str | None = None
    source: str | None = None
    user_id: str | None = None
    copies: bool = False


def erase(
    settings: Settings, subject: Subject, *, dry_run: bool = False, run_id: str | None = None
) -> dict[str, Any]:
    """Erase, and return the receipt. A run that was killed is finished by running it again.

    Raises:
        ConfigError: several sources have the document and none was named.
        AlmanacError: there is nothing of it.
    """
    if dry_run:
        run = Operation(settings, "erase", run_id)
        return _foreseen(run, subject) | {"dry_run": True, "seconds": run.seconds}
    with operation(settings, "erase", run_id) as (run, _):
        if subject.user_id is not None:
            receipt = _erase_user(run, subject.user_id)
        else:
            receipt = _erase_documents(run, subject)
        run.report = {"receipt": receipt["receipt"], "touched": receipt["touched"]}
        return receipt | {"dry_run": False, "seconds": run.seconds}


def allow(settings: Settings, subject: Subject) -> dict[str, Any]:
    """Let a document or a user come back; `almanac quarantine retry` then reads it again."""
    with operation(settings, "allow after erasure") as (run, _):
        kind, names = _subjects(run, subject)
        erased = run.lake.erasures.erased()
        for name in names:
            if name not in erased:
                raise AlmanacError("it was never erased, or is allowed again already")
            run.lake.erasures.append(name, kind, "allowed", run.at, {})
        return {"allowed": len(names), "dry_run": False, "seconds": run.seconds}


def _subjects(run: Operation, subject: Subject) -> tuple[Any, list[str]]:
    if subject.user_id is not None:
        return "user", [user_subject(subject.user_id)]
    sources = [subject.source] if subject.source else sorted(run.settings.sources)
    erased = run.lake.erasures.erased()
    names = [document_subject(source, str(subject.doc_id)) for source in sources]
    return "document", [name for name in names if name in erased] or names[:1]


def _foreseen(run: Operation, subject: Subject) -> dict[str, Any]:
    if subject.user_id is not None:
        return {"subject": "user", "touched": count_user(run.lake, subject.user_id)}
    found = extent(run.lake, _keys(run, subject))
    affected = _affected(run, found)
    return {
        "subject": "document",
        "touched": {
            "versions": len(found.versions),
            "texts": len(found.text_hashes),
            "releases": [seq for seq, *_ in affected["releases"]],
        },
        "same_text_elsewhere": [doc_id for _, doc_id in found.elsewhere],
    }


def _keys(run: Operation, subject: Subject) -> list[tuple[str, str]]:
    """The documents that are meant; with `copies`, every other that ever had the same text too."""
    doc_id = str(subject.doc_id)
    found = run.lake.documents.sources_of(doc_id)
    found |= {row.source for row in run.lake.quarantine.rows(None) if row.doc_id == doc_id}
    if subject.source is not None:
        found &= {subject.source}
    if not found:
        # Errors are kept in `runs`: the id must not stand in them.
        raise AlmanacError("no release and no quarantine row has a document of that id")
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise ConfigError(f"several sources have a document of that id ({names}): say --source")
    keys = [(found.pop(), doc_id)]
    if subject.copies:
        keys += extent(run.lake, keys).elsewhere
    return keys


def _affected(run: Operation, found: Extent) -> dict[str, Any]:
    """What each release will hold without the documents, and the chunk ids that go."""
    releases: list[list[Any]] = []
    chunk_ids: set[str] = set()
    for release in run.releases.every_index():
        pairs = [
            (key, text)
            for key in found.keys
            if (text := found.version_at(key, release.snapshot_seq)) is not None
        ]
        if release.tier == "gone" or not pairs:
            continue
        recipe = Recipe.of(release)
        batches = list(
            run.lake.contents.rows(pairs, recipe.chunker, recipe.embedder, recipe.dimension)
        )
        hashes = [row for batch in batches for row in batch["row_hash"].to_pylist()]
        chunk_ids.update(chunk for batch in batches for chunk in batch["chunk_id"].to_pylist())
        releases.append(
            [
                release.seq,
                release.documents - len(pairs),
                release.rows - len(hashes),
                updated_digest(release.digest, (), hashes),
            ]
        )
    return {
        "releases": releases,
        "chunk_ids": sorted(chunk_ids),
        "document_hashes": list(found.document_hashes),
        "text_hashes": list(found.text_hashes),
    }


def _erase_documents(run: Operation, subject: Subject) -> dict[str, Any]:
    lake = run.lake
    begun = _begun(run, subject)
    keys = begun["keys"] if begun else _keys(run, subject)
    found = extent(lake, keys)
    plan = begun["plan"] if begun else _affected(run, found)
    found = replace(
        found,
        document_hashes=tuple(plan["document_hashes"]),
        text_hashes=tuple(plan["text_hashes"]),
    )
    number = sha256_parts("erasure", run.run_id)[:16]
    subjects = [document_subject(*key) for key in found.keys]
    for name in subjects:
        # The ids themselves stand only in this process: a rerun is given them again.
        lake.erasures.append(name, "document", "started", run.at, {"plan": plan})
    _log.info("erasing from the Delta tables")
    counts = erase_documents(lake, found, plan["chunk_ids"])
    mark = f"a document was erased on {run.at:%Y-%m-%d} (receipt {number})"
    rebuilt = _seal_anew(run, plan["releases"], mark)
    _forget_bytes(run)
    report = {
        "receipt": number,
        "subject": "document",
        "at": isoformat(run.at),
        "touched": counts,
        "releases": [seq for seq, *_ in plan["releases"]],
        "rebuilt": rebuilt,
        "outside": _OUTSIDE,
    }
    for name in subjects:
        lake.erasures.append(name, "document", "erased", run.at, report)
    seal_tables(lake)
    return report | {"same_text_elsewhere": [doc_id for _, doc_id in found.elsewhere]}


def _begun(run: Operation, subject: Subject) -> dict[str, Any] | None:
    """The plan of an erasure of the same document that was killed; None where there is none."""
    sources = [subject.source] if subject.source else sorted(run.settings.sources)
    for source in sources:
        key = (source, str(subject.doc_id))
        record = run.lake.erasures.newest(document_subject(*key))
        if record and record["status"] == "started":
            return {"keys": [key], "plan": record["report"]["plan"]}
    return None


def _seal_anew(run: Operation, planned: Sequence[Sequence[Any]], mark: str) -> list[int]:
    """Build the affected indexes again without the documents, then let the old files go."""
    lake = run.lake
    new = {seq: (documents, rows, digest) for seq, documents, rows, digest in planned}
    releases = [one for one in run.releases.every_index() if one.tier != "gone"]
    changed = [_without(one, *new[one.seq], mark) for one in releases if one.seq in new]
    tables = {one.lance_table for one in changed if one.tier == "hot"}
    there = [one for one in releases if one.tier == "hot" and one.lance_table in tables]
    hot = [one for one in changed if one.tier == "hot"]
    hot += [one for one in there if one.seq not in new]
    built = rebuild(lake, hot, lake, run_id=run.run_id, cause="built again after an erasure")
    cold = [
        moved(lake, one, "cold", run_id=run.run_id, cause=one.cause, forget_probes=True)
        for one in changed
        if one.tier == "cold"
    ]
    fresh: dict[int, Placement] = {one.seq: one for one in cold}
    fresh |= {one.release.seq: one.placement for one in built}
    lake.placements.replace_all(fresh.get(one.seq, one) for one in lake.placements.standing())
    for table in sorted(tables):
        lake.tables.drop(table)
    return sorted(one.release.seq for one in built)


def _without(release: Release, documents: int, rows: int, digest: str, mark: str) -> Release:
    marks = "; ".join(filter(None, [release.mark, mark]))
    return replace(release, documents=documents, rows=rows, digest=digest, mark=marks)


def _erase_user(run: Operation, user_id: str) -> dict[str, Any]:
    number = sha256_parts("erasure", run.run_id)[:16]
    subject = user_subject(user_id)
    record = run.lake.erasures.newest(subject)
    begun = record is not None and record["status"] == "started"  # and was killed
    if not begun and not any(count_user(run.lake, user_id).values()):
        raise AlmanacError("this user has no request and no vote here")
    run.lake.erasures.append(subject, "user", "started", run.at, {})
    counts = erase_user(run.lake, user_id)
    _forget_bytes(run)
    report = {
        "receipt": number,
        "subject": "user",
        "at": isoformat(run.at),
        "touched": counts,
        "releases": [],
        "rebuilt": [],
        "outside": _OUTSIDE,
    }
    run.lake.erasures.append(subject, "user", "erased", run.at, report)
    return report | {"same_text_elsewhere": []}


def _forget_bytes(run: Operation) -> None:
    """Leave no old file and no old log entry of the tables that rows were deleted from."""
    prune_seals(run.lake, run.releases.every_index())
    for name in _TABLES:
        run.lake.delta(name).forget_history()

"""What is to be forgotten, and a plan of all that it takes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import Any

from almanac.core.operation import Operation
from almanac.ingest.index import Recipe
from lakehouse import Lakehouse
from lakehouse.erasing import plan_documents, plan_user
from lakehouse.erasure_plan import Extent, Plan, is_empty
from lakehouse.erasure_rows import documents_shown, extent
from lakehouse.erasures import document_subject, user_subject
from lakehouse.releases import Release
from lakehouse.rows import updated_digest
from schemas.errors import AlmanacError, ConfigError
from schemas.hashing import sha256_parts
from schemas.times import isoformat


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


def subject_names(run: Operation, subject: Subject) -> list[str]:
    """The hashes under which the log of erasures knows a subject."""
    if subject.user_id is not None:
        return [user_subject(subject.user_id)]
    sources = [subject.source] if subject.source else sorted(run.settings.sources)
    return [document_subject(source, str(subject.doc_id)) for source in sources]


def preview(run: Operation, subject: Subject) -> dict[str, Any]:
    """What an erasure would take, as `--dry-run` shows it."""
    plan = plan_erasure(run, subject)
    report: dict[str, Any] = {"subject": plan.kind, "touched": dict(plan.counts)}
    if plan.kind == "document":
        report["touched"] |= {
            "versions": plan.counts["document_changes"],
            "texts": plan.counts["embeddings"],
            "releases": [seq for seq, *_ in plan.releases],
        }
        report["same_text_elsewhere"] = list(plan.same_text_elsewhere)
    return report


def plan_erasure(run: Operation, subject: Subject) -> Plan:
    """All that is to be deleted or written anew, by id and hash.

    Raises:
        ConfigError: several sources have the document and none was named.
        AlmanacError: there is nothing of it.
    """
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

"""Hold releases against their seals and say what differs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from almanac.core.file_check import (
    BACKUP,
    HEAL,
    Attempt,
    FileCheck,
    Progress,
    about,
    delta_files,
    index_files,
    no_progress,
)
from almanac.ingest.index import Recipe
from lakehouse import Lakehouse
from lakehouse.probes import ask_again
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, updated_digest
from lakehouse.seals import files_digest, names_of
from schemas.hashing import canonical_json, sha256_text
from schemas.report import Finding
from schemas.times import isoformat

_log = logging.getLogger("almanac.verify")
Seal = tuple[dict[str, Any], str]  # what it covers, and its hash


def verify(
    lake: Lakehouse,
    releases: list[Release],
    quick: bool = False,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Check releases, and the Delta tables once; `ok` is true where nothing differs.

    Full: every file that is needed is hashed, every row read back, every probe asked again; a cold
    release is computed anew from Delta. Quick: names, seals, sizes and probes. `progress` is called
    with (done, total) releases.
    """
    files = FileCheck(lake, quick)
    began = time.perf_counter()
    delta = list(delta_files(lake, files))
    checked = []
    for at, release in enumerate(releases, 1):
        checked.append(_verified(lake, release, files, quick))
        progress(at, len(releases))
        if len(releases) > 1:
            word = "sound" if checked[-1]["ok"] else "DIFFERS"
            _log.info("release %d %s (%d of %d)", release.seq, word, at, len(releases))
    findings = delta + [finding for one in checked for finding in one["findings"]]
    return {
        "ok": not findings,
        "quick": quick,
        "releases": [one | {"findings": len(one["findings"])} for one in checked],
        "files": files.looked_at,
        "findings": findings,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _verified(lake: Lakehouse, release: Release, files: FileCheck, quick: bool) -> dict[str, Any]:
    began = time.perf_counter()
    found: Seal | None = None
    with Attempt() as attempt:
        found = lake.placements.sealed(release.seq)
    if attempt.failed:
        findings = [about(release, "unreadable", attempt.failed, HEAL)]
    else:
        findings = _guarded(release, lambda: _seal(lake, release, found))
    if release.tier == "hot":
        findings += _hot(lake, release, files, quick, found)
    elif release.tier == "cold":
        findings += _cold(lake, release, quick)
    return {
        "release": release.seq,
        "as_of": isoformat(release.logical_time),
        "tier": release.tier,
        "cause": release.cause,
        "mark": release.mark,
        "ok": not findings,
        "rows": release.rows,
        "digest": release.digest,
        "repeats": repeats(release),
        "findings": findings,
        "seconds": round(time.perf_counter() - began, 3),
    }


def repeats(release: Release) -> str:
    """What a rebuild of the release repeats exactly, beyond its rows and vectors."""
    vector = "exact search" if release.search["vector"] == "exact" else "ANN with pinned training"
    if release.search["text"] == "rebuilt":
        return f"{vector}, full text"
    return f"{vector}; full text was updated, not rebuilt: its scores are its tag's own"


def _seal(lake: Lakehouse, release: Release, found: Seal | None) -> Iterator[Finding]:
    if found is None:
        yield about(release, "unsealed", "was published before there were seals", HEAL)
        return
    covered, seal = found
    published = lake.releases(release.index).published_seal(release.seq)
    if sha256_text(canonical_json(covered)) != seal or published != (covered["published"] or seal):
        yield about(release, "broken_seal", "the seal is not the one it was published with", BACKUP)
    expected = covered["release"]
    actual = names_of(release) if release.tier == "hot" else {}
    moved = {name for name in actual if actual[name] != expected.get(name)}
    if changed := sorted(moved | _changed_row(lake, release)):
        said = f"its record was changed: {', '.join(changed)}"
        yield about(release, "changed_release", said, BACKUP)


def _changed_row(lake: Lakehouse, release: Release) -> set[str]:
    """What the row in `releases` says otherwise than the placement, which only an erasure may."""
    log = lake.releases(release.index)
    rows = [] if release.mark else log.published_figures(release.seq)
    return {name for row in rows for name in row if row[name] != getattr(release, name)}


def _hot(
    lake: Lakehouse, release: Release, files: FileCheck, quick: bool, found: Seal | None
) -> list[Finding]:
    findings = list(index_files(lake, release, files))
    if findings:
        return findings  # damaged files are not read: an engine may answer with anything
    needed = lake.tables.needed(release)
    if found and files_digest(files.sealed(needed)) != found[0]["files"]["digest"]:
        findings.append(about(release, "other_files", "needs other files than were sealed", HEAL))
    if findings or found is None:
        return findings
    findings += _guarded(release, lambda: _documents(lake, release))
    findings += _guarded(release, lambda: _probes(lake, release, found[0]["probes"]))
    return findings if quick else findings + _guarded(release, lambda: _rows(lake, release))


def _rows(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    reader = lake.read(release)
    found, coverage = reader.read_back(), reader.coverage()
    if (found.rows, found.digest) != (release.rows, release.digest):
        said = f"{found.rows} rows with digest {found.digest[:16]}…, sealed were {release.rows} "
        yield about(release, "other_rows", said + f"with {release.digest[:16]}…", HEAL)
    if found.duplicate_keys or found.null_vectors or found.inconsistent:
        said = (
            f"{found.duplicate_keys} doubled keys, {found.null_vectors} unusable vectors, "
            f"{found.inconsistent} rows at odds with their own hashes"
        )
        yield about(release, "bad_rows", said, HEAL)
    if coverage.unindexed_text_rows or coverage.unindexed_vector_rows:
        said = (
            f"{coverage.unindexed_text_rows} rows outside the full-text index, "
            f"{coverage.unindexed_vector_rows} outside the vector index"
        )
        yield about(release, "uncovered_rows", said, HEAL)


def _probes(
    lake: Lakehouse, release: Release, probes: list[Mapping[str, Any]]
) -> Iterator[Finding]:
    now = ask_again(lake.read(release), probes)
    wrong = [one["chunk_id"] for one, was in zip(now, probes, strict=True) if one != was]
    if wrong:
        said = f"{len(wrong)} of {len(probes)} probes answer otherwise, the first {wrong[0]}"
        yield about(release, "other_answers", said, HEAL)


def _documents(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    count = len(lake.documents.state(release.snapshot_seq))
    if count != release.documents:
        said = f"Delta has {count} documents as of it, sealed were {release.documents}"
        yield about(release, "other_documents", said, BACKUP)


def _cold(lake: Lakehouse, release: Release, quick: bool) -> list[Finding]:
    findings = _guarded(release, lambda: _documents(lake, release))
    if quick:
        return findings
    return findings + _guarded(release, lambda: rows_from_delta(lake, release))


def rows_from_delta(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    """That Delta gives other rows for a release than it was sealed with; nothing if the same."""
    recipe = Recipe.of(release)
    state = lake.documents.state(release.snapshot_seq)
    pairs = ((key, stored.document_hash) for key, stored in state.items())
    rows, digest = 0, EMPTY_DIGEST
    batches = lake.contents.rows(pairs, recipe.chunker, recipe.embedder, recipe.dimension)
    for batch in batches:
        rows += batch.num_rows
        digest = updated_digest(digest, batch["row_hash"].to_pylist(), ())
    if (rows, digest) != (release.rows, release.digest):
        said = f"Delta gives {rows} rows with digest {digest[:16]}…, sealed were {release.rows} "
        yield about(release, "other_rows", said + f"with {release.digest[:16]}…", BACKUP)


def _guarded(release: Release, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a check finds; that it could not read is a finding too."""
    with Attempt() as attempt:
        return list(check())
    return [about(release, "unreadable", attempt.failed, HEAL)]

"""Hold releases against their seals and say what differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lakehouse import Lakehouse
from lakehouse.placing import SEALED_TABLES
from lakehouse.probes import ask_again
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, updated_digest
from lakehouse.seals import SealedFile, files_digest, names_of
from schemas.errors import AlmanacError
from schemas.hashing import canonical_json, sha256_text
from schemas.report import Finding
from schemas.times import isoformat
from tasks.stages.index import Recipe

_HEAL = "almanac doctor --heal"
_BACKUP = "restore this file from a backup, or `almanac restore --mode copy` from another copy"


class FileCheck:
    """Files against their seals, each looked at once however many releases need it."""

    def __init__(self, lake: Lakehouse, quick: bool) -> None:
        self._lake = lake
        self._quick = quick
        self._known = lake.sealed.known()
        self._sizes: dict[str, int] = {}
        self._listed: set[str] = set()
        self._wrong: dict[str, str | None] = {}

    def wrong(self, path: str) -> tuple[str, str] | None:
        """(kind, what is wrong) with a file; None for a sound one.

        Quick looks at sizes, else every byte is hashed.
        """
        if path not in self._wrong:
            self._wrong[path] = self._look(path)
        said = self._wrong[path]
        return None if said is None else (said.partition(":")[0], said.partition(":")[2])

    def sealed(self, paths: list[str]) -> list[SealedFile]:
        """The sealed files of those of `paths` that have a seal."""
        return [self._known[path] for path in paths if path in self._known]

    @property
    def looked_at(self) -> int:
        """Files that were checked."""
        return len(self._wrong)

    def _look(self, path: str) -> str | None:
        sealed = self._known.get(path)
        size = self._size(path)
        if size is None:
            return "missing_file:is missing"
        if sealed is None:
            return "unsealed_file:was never sealed"
        if size != sealed.bytes:
            return f"damaged_file:has {size} bytes, not {sealed.bytes}"
        if not self._quick and self._lake.sealed.measured(path) != sealed:
            return "damaged_file:has other bytes than when it was sealed"
        return None

    def _size(self, path: str) -> int | None:
        folder = "/".join(path.split("/")[:2])
        if folder not in self._listed:
            self._sizes |= self._lake.sizes(folder)
            self._listed.add(folder)
        return self._sizes.get(path)


def verify(lake: Lakehouse, releases: list[Release], quick: bool = False) -> dict[str, Any]:
    """Check releases, and the Delta tables once; `ok` is true where nothing differs.

    Full: every file that is needed is hashed, every row read back, every probe asked again; a cold
    release is computed anew from Delta. Quick: names, seals, sizes and probes.
    """
    files = FileCheck(lake, quick)
    began = time.perf_counter()
    delta = list(_delta_files(lake, files))
    checked = [_verified(lake, release, files, quick) for release in releases]
    findings = delta + [finding for one in checked for finding in one["findings"]]
    return {
        "ok": not findings,
        "quick": quick,
        "releases": [one | {"findings": len(one["findings"])} for one in checked],
        "files": files.looked_at,
        "findings": findings,
        "seconds": round(time.perf_counter() - began, 3),
    }


def _delta_files(lake: Lakehouse, files: FileCheck) -> Iterator[Finding]:
    for name in SEALED_TABLES:
        try:
            paths = lake.delta(name).files()
        except (OSError, ValueError, RuntimeError) as error:
            yield Finding("damaged_table", f"delta/{name}", _line(error), _BACKUP)
            continue
        for path in paths:
            if wrong := files.wrong(path):
                yield Finding(wrong[0], path, wrong[1], _BACKUP)


def _verified(lake: Lakehouse, release: Release, files: FileCheck, quick: bool) -> dict[str, Any]:
    began = time.perf_counter()
    findings = list(_seal(lake, release))
    if release.tier == "hot":
        findings += _hot(lake, release, files, quick)
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


def _seal(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    found = lake.placements.sealed(release.seq)
    if found is None:
        yield _of(release, "unsealed", "was published before there were seals", _HEAL)
        return
    covered, seal = found
    published = lake.releases(release.index).published_seal(release.seq)
    if sha256_text(canonical_json(covered)) != seal or published != (covered["published"] or seal):
        yield _of(release, "broken_seal", "the seal is not the one it was published with", _BACKUP)
    expected = covered["release"]
    actual = names_of(release)
    if release.tier == "hot" and actual != expected:
        names = ", ".join(sorted(name for name in actual if actual[name] != expected.get(name)))
        yield _of(release, "changed_release", f"its record was changed: {names}", _BACKUP)


def _hot(lake: Lakehouse, release: Release, files: FileCheck, quick: bool) -> list[Finding]:
    try:
        needed = lake.tables.needed(release)
        tag = lake.tables.tags(release.lance_table).get(release.lance_tag)
    except (OSError, ValueError, RuntimeError) as error:
        return [_of(release, "missing_index", _line(error), _HEAL)]
    findings = [
        Finding(kind, path, said, _HEAL, release.seq)
        for path in needed
        for kind, said in filter(None, [files.wrong(path)])
    ]
    if tag != release.lance_version:
        said = f"tag {release.lance_tag} names version {tag}, not {release.lance_version}"
        findings.append(_of(release, "moved_tag", said, _HEAL))
    found = lake.placements.sealed(release.seq)
    if found and files_digest(files.sealed(needed)) != found[0]["files"]["digest"]:
        findings.append(_of(release, "other_files", "needs other files than were sealed", _HEAL))
    if findings or found is None:
        return findings  # damaged files are not read: an engine may answer with anything
    findings += _documents(lake, release)
    findings += _guarded(release, lambda: _probes(lake, release, found[0]["probes"]))
    return findings if quick else findings + _guarded(release, lambda: _rows(lake, release))


def _rows(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    reader = lake.read(release)
    found, coverage = reader.read_back(), reader.coverage()
    if (found.rows, found.digest) != (release.rows, release.digest):
        said = f"{found.rows} rows with digest {found.digest[:16]}…, sealed were {release.rows} "
        yield _of(release, "other_rows", said + f"with {release.digest[:16]}…", _HEAL)
    if found.duplicate_keys or found.null_vectors or found.inconsistent:
        said = (
            f"{found.duplicate_keys} doubled keys, {found.null_vectors} unusable vectors, "
            f"{found.inconsistent} rows at odds with their own hashes"
        )
        yield _of(release, "bad_rows", said, _HEAL)
    if coverage.unindexed_text_rows or coverage.unindexed_vector_rows:
        said = (
            f"{coverage.unindexed_text_rows} rows outside the full-text index, "
            f"{coverage.unindexed_vector_rows} outside the vector index"
        )
        yield _of(release, "uncovered_rows", said, _HEAL)


def _probes(
    lake: Lakehouse, release: Release, probes: list[Mapping[str, Any]]
) -> Iterator[Finding]:
    now = ask_again(lake.read(release), probes)
    wrong = [one["chunk_id"] for one, was in zip(now, probes, strict=True) if one != was]
    if wrong:
        said = f"{len(wrong)} of {len(probes)} probes answer otherwise, the first {wrong[0]}"
        yield _of(release, "other_answers", said, _HEAL)


def _documents(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    count = len(lake.documents.state(release.snapshot_seq))
    if count != release.documents:
        said = f"Delta has {count} documents as of it, sealed were {release.documents}"
        yield _of(release, "other_documents", said, _BACKUP)


def _cold(lake: Lakehouse, release: Release, quick: bool) -> list[Finding]:
    findings = list(_documents(lake, release))
    return findings if quick else findings + _guarded(release, lambda: _from_delta(lake, release))


def _from_delta(lake: Lakehouse, release: Release) -> Iterator[Finding]:
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
        yield _of(release, "other_rows", said + f"with {release.digest[:16]}…", _BACKUP)


def _guarded(release: Release, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a check finds; that it could not read is a finding too."""
    try:
        return list(check())
    except AlmanacError as error:
        return [_of(release, "unreadable", str(error), _HEAL)]
    except (OSError, ValueError, RuntimeError) as error:
        return [_of(release, "unreadable", _line(error), _HEAL)]


def _of(release: Release, kind: str, said: str, mend: str) -> Finding:
    return Finding(kind, f"release {release.seq}", said, mend.format(seq=release.seq), release.seq)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

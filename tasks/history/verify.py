"""Hold releases against their seals and say what differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
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

HEAL = "almanac doctor --heal"
Seal = tuple[dict[str, Any], str]  # what it covers, and its hash
BACKUP = "bring it back from a backup, or go on from a copy made with `almanac restore --mode copy`"


class Attempt:
    """A block that reads what may be damaged; `failed` is what went wrong, in one line.

    Damaged bytes make an engine raise whatever it likes, panics included, which are no Exception.
    """

    failed = ""

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if kind is None or not (issubclass(kind, Exception) or kind.__name__ == "PanicException"):
            return False
        line = " ".join(str(error).split()) or kind.__name__
        self.failed = line if issubclass(kind, AlmanacError) else line[:200]
        return True


class FileCheck:
    """Files against their seals, each looked at once however many releases need it."""

    def __init__(self, lake: Lakehouse, quick: bool) -> None:
        self._lake = lake
        self._quick = quick
        self._known: dict[str, SealedFile] = {}
        with Attempt() as attempt:
            self._known = lake.sealed.known()
        self.unreadable = attempt.failed  # what is wrong with the hashes themselves
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

    def known_below(self, folder: str) -> list[str]:
        """Sealed files below a folder that are there, in path order."""
        there = (path for path in self._known if path.startswith(f"{folder}/"))
        return sorted(path for path in there if self._size(path) is not None)

    @property
    def looked_at(self) -> int:
        """Files that were checked."""
        return len(self._wrong)

    def _look(self, path: str) -> str | None:
        sealed = self._known.get(path)
        size = self._size(path)
        if size is None:
            return "missing_file:is missing"
        if self.unreadable:
            return None
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
    delta = list(delta_files(lake, files))
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


def delta_files(lake: Lakehouse, files: FileCheck) -> Iterator[Finding]:
    """What is wrong with the files of the Delta tables that releases need."""
    if files.unreadable:
        yield Finding("damaged_table", "delta/sealed_files", files.unreadable, BACKUP)
    for name in SEALED_TABLES:
        with Attempt() as attempt:
            paths = lake.delta(name).files()
        if attempt.failed:
            paths = files.known_below(f"delta/{name}")
        wrong = [(path, found) for path in paths if (found := files.wrong(path))]
        for path, (kind, said) in wrong:
            yield Finding(kind, path, said, HEAL if kind == "unsealed_file" else BACKUP)
        if attempt.failed and not wrong:
            yield Finding("damaged_table", f"delta/{name}", attempt.failed, BACKUP)


def _verified(lake: Lakehouse, release: Release, files: FileCheck, quick: bool) -> dict[str, Any]:
    began = time.perf_counter()
    found: Seal | None = None
    with Attempt() as attempt:
        found = lake.placements.sealed(release.seq)
    if attempt.failed:
        findings = [_of(release, "unreadable", attempt.failed, HEAL)]
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
        yield _of(release, "unsealed", "was published before there were seals", HEAL)
        return
    covered, seal = found
    published = lake.releases(release.index).published_seal(release.seq)
    if sha256_text(canonical_json(covered)) != seal or published != (covered["published"] or seal):
        yield _of(release, "broken_seal", "the seal is not the one it was published with", BACKUP)
    expected = covered["release"]
    actual = names_of(release) if release.tier == "hot" else {}
    moved = {name for name in actual if actual[name] != expected.get(name)}
    if changed := sorted(moved | _changed_row(lake, release)):
        said = f"its record was changed: {', '.join(changed)}"
        yield _of(release, "changed_release", said, BACKUP)


def _changed_row(lake: Lakehouse, release: Release) -> set[str]:
    """What the row in `releases` says otherwise than the placement, which only an erasure may."""
    sql = f"SELECT documents, rows, digest FROM log WHERE seq = {release.seq}"
    rows = [] if release.mark else lake.delta("releases").query(sql).to_pylist()
    return {name for row in rows for name in row if row[name] != getattr(release, name)}


def _hot(
    lake: Lakehouse, release: Release, files: FileCheck, quick: bool, found: Seal | None
) -> list[Finding]:
    findings = list(index_files(lake, release, files))
    if findings:
        return findings  # damaged files are not read: an engine may answer with anything
    needed = lake.tables.needed(release)
    if found and files_digest(files.sealed(needed)) != found[0]["files"]["digest"]:
        findings.append(_of(release, "other_files", "needs other files than were sealed", HEAL))
    if findings or found is None:
        return findings
    findings += _guarded(release, lambda: _documents(lake, release))
    findings += _guarded(release, lambda: _probes(lake, release, found[0]["probes"]))
    return findings if quick else findings + _guarded(release, lambda: _rows(lake, release))


def index_files(lake: Lakehouse, release: Release, files: FileCheck) -> Iterator[Finding]:
    """What is wrong with the files of an open release and with its tag."""
    folder = f"lance/{release.lance_table}.lance"
    with Attempt() as attempt:
        needed = lake.tables.needed(release)
    if attempt.failed:
        wrong = [path for path in files.known_below(f"{folder}/_versions") if files.wrong(path)]
        yield from (_damaged(release, files, path) for path in wrong)
        if not wrong:
            yield _of(release, "missing_index", attempt.failed, HEAL)
        return
    tag: int | None = release.lance_version
    with Attempt():  # one damaged tag hides them all; the hash of its file says which it is
        tag = lake.tables.tags(release.lance_table).get(release.lance_tag)
    if tag != release.lance_version:
        said = f"tag {release.lance_tag} names version {tag}, not {release.lance_version}"
        yield _of(release, "moved_tag", said, HEAL)
        needed = [path for path in needed if "/_refs/" not in path]
    yield from (_damaged(release, files, path) for path in needed if files.wrong(path))


def _damaged(release: Release, files: FileCheck, path: str) -> Finding:
    kind, said = files.wrong(path) or ("", "")
    return Finding(kind, path, said, HEAL, release.seq)


def _rows(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    reader = lake.read(release)
    found, coverage = reader.read_back(), reader.coverage()
    if (found.rows, found.digest) != (release.rows, release.digest):
        said = f"{found.rows} rows with digest {found.digest[:16]}…, sealed were {release.rows} "
        yield _of(release, "other_rows", said + f"with {release.digest[:16]}…", HEAL)
    if found.duplicate_keys or found.null_vectors or found.inconsistent:
        said = (
            f"{found.duplicate_keys} doubled keys, {found.null_vectors} unusable vectors, "
            f"{found.inconsistent} rows at odds with their own hashes"
        )
        yield _of(release, "bad_rows", said, HEAL)
    if coverage.unindexed_text_rows or coverage.unindexed_vector_rows:
        said = (
            f"{coverage.unindexed_text_rows} rows outside the full-text index, "
            f"{coverage.unindexed_vector_rows} outside the vector index"
        )
        yield _of(release, "uncovered_rows", said, HEAL)


def _probes(
    lake: Lakehouse, release: Release, probes: list[Mapping[str, Any]]
) -> Iterator[Finding]:
    now = ask_again(lake.read(release), probes)
    wrong = [one["chunk_id"] for one, was in zip(now, probes, strict=True) if one != was]
    if wrong:
        said = f"{len(wrong)} of {len(probes)} probes answer otherwise, the first {wrong[0]}"
        yield _of(release, "other_answers", said, HEAL)


def _documents(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    count = len(lake.documents.state(release.snapshot_seq))
    if count != release.documents:
        said = f"Delta has {count} documents as of it, sealed were {release.documents}"
        yield _of(release, "other_documents", said, BACKUP)


def _cold(lake: Lakehouse, release: Release, quick: bool) -> list[Finding]:
    findings = _guarded(release, lambda: _documents(lake, release))
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
        yield _of(release, "other_rows", said + f"with {release.digest[:16]}…", BACKUP)


def _guarded(release: Release, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What a check finds; that it could not read is a finding too."""
    with Attempt() as attempt:
        return list(check())
    return [_of(release, "unreadable", attempt.failed, HEAL)]


def _of(release: Release, kind: str, said: str, mend: str) -> Finding:
    return Finding(kind, f"release {release.seq}", said, mend.format(seq=release.seq), release.seq)

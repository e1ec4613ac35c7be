"""Seals: what a release was proven to be when it was published, so that it can be proven again.

A seal names the release, the digest over its rows, a digest over the files it needs, what its
probes answered, and the seal before it. Its own hash stands in the release. The hash of each file
is taken once, when the file is new, so that sealing costs what the change costs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lakehouse.delta import DeltaLog
from lakehouse.files import Files
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, updated_digest
from schemas.tables.releases import SEALED_FILES
from schemas.times import isoformat

_NEWEST = """
    SELECT * EXCLUDE (newest) FROM (
        SELECT *, row_number() OVER (PARTITION BY path ORDER BY ordinal DESC) AS newest FROM log
    ) WHERE newest = 1
"""

_NAMED_AGAIN = re.compile("/(_versions|_refs)/").search


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One file as it was when it was sealed; `path` is inside the lakehouse."""

    path: str
    bytes: int
    sha256: str


class SealedFiles:
    """`sealed_files`: the hash of every file that a release needs."""

    def __init__(self, log: DeltaLog, files: Files) -> None:
        self._log = log
        self._files = files

    def known(self) -> dict[str, SealedFile]:
        """Sealed files by path."""
        rows = self._log.query(_NEWEST).to_pylist()
        return {row["path"]: SEALED_FILES.read(SealedFile, row) for row in rows}

    def seal(self, paths: Collection[str]) -> list[SealedFile]:
        """The sealed files of `paths`, in path order, hashing those that were not sealed yet.

        Manifests and tags have names that come again: a run that was killed may have sealed others.
        """
        known = self.known()
        fresh = [path for path in sorted(set(paths)) if path not in known or _NAMED_AGAIN(path)]
        added = [one for one in map(self.measured, fresh) if known.get(one.path) != one]
        if added:
            self._append(added)
            known |= {file.path: file for file in added}
        return [known[path] for path in sorted(set(paths))]

    def seal_again(self, paths: Iterable[str]) -> None:
        """Hash files anew that are there and were sealed with other bytes; those alone."""
        known = self.known()
        found = [path for path in sorted(set(paths)) if path in known]
        if found:
            self._append(self.measured(path) for path in found)

    def measured(self, path: str) -> SealedFile:
        """The file as it is now; FileNotFoundError where it is missing."""
        size, digest = self._files.measured(path)
        return SealedFile(path, size, digest)

    def forget_all_but(self, paths: Collection[str]) -> None:
        """Drop the hashes of files that are gone."""
        known = self._log.query(_NEWEST)
        wanted = pa.table({"path": pa.array(sorted(set(paths)), pa.string())})
        kept = known.join(wanted, keys="path", join_type="left semi")
        if kept.num_rows < known.num_rows:
            self._log.replace(kept.sort_by("path"))

    def _append(self, files: Iterable[SealedFile]) -> None:
        found = self._log.query("SELECT coalesce(max(ordinal), 0) + 1 AS n FROM log")
        self._log.append(_rows(files, int(found["n"][0].as_py())))


def _rows(files: Iterable[SealedFile], ordinal: int) -> list[dict[str, Any]]:
    return [SEALED_FILES.to_row(one, ordinal=ordinal) for one in files]


def files_digest(files: Iterable[SealedFile]) -> str:
    """An order-free digest over the paths, sizes and hashes of files."""
    return updated_digest(EMPTY_DIGEST, map(_file_hash, files), ())


def _file_hash(file: SealedFile) -> bytes:
    return hashlib.sha256(f"{file.path}\n{file.bytes}\n{file.sha256}".encode()).digest()


def sealed(
    release: Release,
    files: Collection[SealedFile],
    probes: Iterable[Mapping[str, Any]],
    previous: str,
    published: str = "",
) -> dict[str, Any]:
    """What a seal covers, as plain values.

    `previous` is the seal of the release before; `published` the seal that the release was
    published with, where this one replaces it.
    """
    return {
        "release": names_of(release),
        "files": {
            "count": len(files),
            "bytes": sum(file.bytes for file in files),
            "digest": files_digest(files),
        },
        "probes": list(probes),
        "previous": previous,
        "published": published,
    }


def names_of(release: Release) -> dict[str, Any]:
    """All that a release says of itself and that must not change unnoticed."""
    later = {"format": release.format} if release.format > 1 else {}
    return later | {
        "seq": release.seq,
        "index": release.index,
        "kind": release.kind,
        "logical_time": isoformat(release.logical_time),
        "published_at": isoformat(release.published_at),
        "run_id": release.run_id,
        "snapshot_seq": release.snapshot_seq,
        "documents": release.documents,
        "rows": release.rows,
        "digest": release.digest,
        "chunker": release.chunker,
        "embedder": release.embedder,
        "embedder_identity": dict(release.embedder_identity),
        "lance_table": release.lance_table,
        "lance_version": release.lance_version,
        "lance_tag": release.lance_tag,
        "search": dict(release.search),
        "made_by": dict(release.made_by),
        "note": dict(release.note),
    }

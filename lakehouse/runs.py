"""Reports of runs, and what each source file was when it was last read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from lakehouse.delta import DeltaLog
from schemas.hashing import canonical_json, sha256_parts
from schemas.times import isoformat

_NEWEST_FILES = """
    SELECT * EXCLUDE (newest) FROM (
        SELECT *, row_number() OVER (PARTITION BY source, path ORDER BY ordinal DESC) AS newest
        FROM log
    ) WHERE newest = 1 AND present
"""


# Of all that runs say, that of the nightly runs of one index. `failed` is a word of other
# operations too, which say what for; a row from before rows named their index is of any.
_NIGHTS = """
    SELECT run_id, logical_time, started_at, status,
           CAST(report ->> '$.release' AS BIGINT) AS release,
           coalesce(report ->> '$.scheduled', 'false') = 'true' AS scheduled,
           coalesce(report ->> '$.message', '') AS message
    FROM log
    WHERE status IN ('published', 'unchanged', 'held', 'refused', 'failed', 'missed')
      AND report ->> '$.purpose' IS NULL
      AND coalesce(report ->> '$.index_name', '{index}') = '{index}'
    ORDER BY logical_time DESC, started_at DESC
"""


@dataclass(frozen=True, slots=True)
class Night:
    """What a nightly run, or that there was none, says of a logical time.

    status: published and unchanged spoke for the time; held, refused and failed did not; missed
    says that nothing ran. `release` answered after it. `scheduled`: the time is of a schedule.
    """

    run_id: str
    logical_time: datetime
    started_at: datetime
    status: str
    release: int | None
    scheduled: bool
    message: str

    @property
    def spoke(self) -> bool:
        """Does the lakehouse hold what the sources held at that time?"""
        return self.status in ("published", "unchanged")


_SPARED = 10_000  # rows of `source_files` that are no burden, whatever they are
_STALE = 8  # times the newest rows


class RunLog:
    """`runs`: one report a run, published or not; and one row a time that was missed."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def append(
        self,
        run_id: str,
        logical_time: datetime,
        started_at: datetime,
        finished_at: datetime,
        status: str,
        report: dict[str, Any],
    ) -> None:
        """Store the report of a run that ended."""
        row = {
            "run_id": run_id,
            "logical_time": logical_time,
            "started_at": started_at,
            "finished_at": finished_at,
            "status": status,
            "report": canonical_json(report),
        }
        self._log.append([row])

    def nights(self, index: str) -> list[Night]:
        """The nightly rows of an index, the latest logical time first."""
        rows = self._log.query(_NIGHTS.format(index=index)).to_pylist()
        return [Night(**row) for row in rows]

    def note_missed(
        self,
        index: str,
        reasons: Mapping[datetime, str],
        release: int | None,
        at: datetime,
        published: Mapping[datetime, int] = MappingProxyType({}),
    ) -> int:
        """Store that nothing ran at these times of a schedule, and why; how many are new.

        `published` are the releases of times whose run was killed before it stored its own row.

        A time of which any row stands is passed over, so that a second call adds nothing. Call it
        under the lease.
        """
        told = {night.logical_time for night in self.nights(index)}
        rows = [
            {
                "run_id": sha256_parts("missed", index, isoformat(time))[:16],
                "logical_time": time,
                "started_at": at,
                "finished_at": at,
                "status": "published" if time in published else "missed",
                "report": canonical_json(
                    {"as_of": isoformat(time), "index_name": index, "message": reason,
                     "published": time in published, "release": published.get(time, release),
                     "scheduled": True}
                ),
            }
            for time, reason in sorted(reasons.items())
            if time not in told
        ]  # fmt: skip
        self._log.append(rows)
        return len(rows)

    def rows(self) -> list[dict[str, Any]]:
        """Every run, newest first."""
        return self._log.query("SELECT * FROM log ORDER BY started_at DESC").to_pylist()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was read: under which rules, and what became of it.

    `documents` are (doc_id, content_hash) of what was accepted, `rejected` the ids kept out.
    """

    source: str
    path: str
    stamp: str | None
    rules: str
    documents: tuple[tuple[str, str], ...]
    rejected: tuple[str, ...]


class FileLog:
    """`source_files`: a cache that spares reading; losing it costs one full read."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def known(self) -> dict[tuple[str, str], KnownFile]:
        """Files by (source, path)."""
        rows = self._log.query(_NEWEST_FILES).to_pylist()
        return {(row["source"], row["path"]): _known(row) for row in rows}

    def record(self, read: Iterable[KnownFile], gone: Iterable[tuple[str, str]]) -> None:
        """Remember files that were read and forget (source, path) pairs that are gone.

        Call it under the lease: where most rows are of no more use, as after many nights that each
        read a folder of their own, the newest alone are kept.
        """
        found = self._log.query(
            "SELECT coalesce(max(ordinal), 0) + 1 AS n, count(*) AS rows FROM log"
        )
        ordinal, before = int(found["n"][0].as_py()), int(found["rows"][0].as_py())
        rows = [_file_row(file, ordinal) for file in read]
        rows += [
            _file_row(KnownFile(source, path, None, "", (), ()), ordinal) | {"present": False}
            for source, path in gone
        ]
        self._log.append(rows)
        if before + len(rows) > _SPARED and rows:
            newest = self._log.query(_NEWEST_FILES)
            if before + len(rows) > _STALE * newest.num_rows:
                self._log.replace(newest)


def _known(row: dict[str, Any]) -> KnownFile:
    documents = tuple(zip(row["documents"], row["hashes"], strict=True))
    rejected = tuple(row["rejected"])
    return KnownFile(row["source"], row["path"], row["stamp"], row["rules"], documents, rejected)


def _file_row(file: KnownFile, ordinal: int) -> dict[str, Any]:
    return {
        "source": file.source,
        "path": file.path,
        "ordinal": ordinal,
        "present": True,
        "stamp": file.stamp,
        "rules": file.rules,
        "documents": [doc_id for doc_id, _ in file.documents],
        "hashes": [content_hash for _, content_hash in file.documents],
        "rejected": list(file.rejected),
    }

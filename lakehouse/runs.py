"""Reports of runs, and what each source file was when it was last read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lakehouse.columns import id_column
from lakehouse.delta import DeltaLog
from lakehouse.fencing import Guard
from schemas.hashing import canonical_json, sha256_parts
from schemas.times import isoformat

_NEWEST_FILES = """
    SELECT * EXCLUDE (newest) FROM (
        SELECT *, row_number() OVER (PARTITION BY source, path ORDER BY ordinal DESC) AS newest
        FROM log
    ) WHERE newest = 1 AND present
"""


# Of all that runs say, that of the nightly runs of one index. `failed` is a word of other
# operations too, which say what for; a row from before rows named their index is of any. A time
# that two writers told as missed, one of them late, was missed once.
_OF_INDEX = """
    FROM log
    WHERE status IN ('published', 'unchanged', 'held', 'refused', 'failed', 'missed')
      AND report ->> '$.purpose' IS NULL
      AND coalesce(report ->> '$.index_name', '{index}') = '{index}'
    QUALIFY status <> 'missed'
         OR row_number() OVER (PARTITION BY status, run_id ORDER BY started_at) = 1
    ORDER BY logical_time DESC, started_at DESC
"""
_RECORDS = """
    SELECT run_id, logical_time, started_at, status,
           CAST(report ->> '$.release' AS BIGINT) AS release,
           coalesce(report ->> '$.scheduled', 'false') = 'true' AS scheduled,
           coalesce(report ->> '$.message', '') AS message,
           coalesce(report ->> '$.schedule', '') AS schedule
"""
_OF_PURPOSE = """
    SELECT report FROM log
    WHERE report->>'$.purpose' = '{purpose}' AND report->>'$.index' = '{index}'
        AND logical_time > TIMESTAMPTZ '{after}' AND logical_time <= TIMESTAMPTZ '{until}'
    ORDER BY logical_time DESC, started_at DESC
"""
# A run at a time to come, asked for by hand, is none that later ones come after.
_LATEST_AFTER = """
    SELECT max(logical_time) AS at FROM log
    WHERE report->>'$.purpose' = '{purpose}' AND report->>'$.index' = '{index}'
        AND logical_time > TIMESTAMPTZ '{after}' AND logical_time <= finished_at
"""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What came of a nightly run at a logical date, or that nothing ran then.

    status: published; unchanged; held, refused or failed, which published nothing; missed, where
    nothing ran; withdrawn, where its release was taken back. `release` answered after it.
    `scheduled`: the date is one of a schedule, and `schedule` is its key then; empty in a row from
    before rows named it.
    """

    run_id: str
    logical_time: datetime
    started_at: datetime
    status: str
    release: int | None
    scheduled: bool
    message: str
    schedule: str = ""

    @property
    def succeeded(self) -> bool:
        """Does the lakehouse hold what the sources held at that date?"""
        return self.status in ("published", "unchanged")


def missed_id(index: str, at: datetime) -> str:
    """The id of the row of a date at which nothing ran: the same, whichever run stores it."""
    return sha256_parts("missed", index, isoformat(at))[:16]


def still_missed(records: Sequence[RunRecord]) -> list[RunRecord]:
    """The missed ones whose date no run succeeded at since, in their order."""
    done = {record.logical_time for record in records if record.succeeded}
    return [
        record
        for record in records
        if record.status == "missed" and record.logical_time not in done
    ]


def without_withdrawn(records: Iterable[RunRecord], withdrawn: Collection[int]) -> list[RunRecord]:
    """The records, those whose release was taken back with the status `withdrawn`."""
    return [
        replace(one, status="withdrawn") if one.succeeded and one.release in withdrawn else one
        for one in records
    ]


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
        report: Mapping[str, Any],
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

    def records(self, index: str) -> list[RunRecord]:
        """The nightly runs and missed dates of an index, the latest logical date first."""
        rows = self._log.query((_RECORDS + _OF_INDEX).format(index=index)).to_pylist()
        return [RunRecord(**row) for row in rows]

    def reports(self, index: str, last: int) -> list[dict[str, Any]]:
        """`logical_time`, `status` and the whole `report` of its `last` rows, the latest first."""
        sql = f"SELECT logical_time, status, report {_OF_INDEX} LIMIT {int(last)}"
        rows = self._log.query(sql.format(index=index)).to_pylist()
        return [row | {"report": json.loads(row["report"])} for row in rows]

    def reports_of(
        self, purpose: str, index: str, after: datetime, until: datetime
    ) -> list[dict[str, Any]]:
        """Reports of one purpose and index, of logical times in (after, until], newest first."""
        times = {"after": isoformat(after), "until": isoformat(until)}
        rows = self._log.query(_OF_PURPOSE.format(purpose=purpose, index=index, **times))
        return [json.loads(row["report"]) for row in rows.to_pylist()]

    def latest_after(self, purpose: str, index: str, after: datetime) -> datetime | None:
        """The greatest logical time of a purpose and index after one; None where there is none.

        Runs that ended before their own logical time do not count.
        """
        sql = _LATEST_AFTER.format(purpose=purpose, index=index, after=isoformat(after))
        latest: datetime | None = self._log.query(sql)["at"][0].as_py()
        return latest

    def rows_of(self, run_ids: Collection[str]) -> list[dict[str, Any]]:
        """What these runs stored, oldest first; one with several operations has several rows."""
        sql = "SELECT * FROM log SEMI JOIN wanted ON run_id = id ORDER BY started_at, finished_at"
        rows: list[dict[str, Any]] = self._log.query(sql, wanted=id_column(run_ids)).to_pylist()
        return rows

    def append_missed(self, index: str, records: Iterable[RunRecord], guard: Guard) -> None:
        """Store records of dates that left none themselves, under the lease that `guard` knows.

        It is asked right before: of this table, which several write, Delta keeps no late writer.

        Raises:
            LeaseHeld: the lease was lost.
        """
        rows = [_record_row(index, record) for record in records]
        guard.check()
        self._log.append(rows)

    def rows(self) -> list[dict[str, Any]]:
        """Every run, newest first."""
        return self._log.query("SELECT * FROM log ORDER BY started_at DESC").to_pylist()  # type: ignore[no-any-return]


def _record_row(index: str, record: RunRecord) -> dict[str, Any]:
    report = {
        "as_of": isoformat(record.logical_time),
        "index_name": index,
        "message": record.message,
        "published": record.status == "published",
        "release": record.release,
        "scheduled": record.scheduled,
        "schedule": record.schedule,
    }
    return {
        "run_id": record.run_id,
        "logical_time": record.logical_time,
        "started_at": record.started_at,
        "finished_at": record.started_at,
        "status": record.status,
        "report": canonical_json(report),
    }


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

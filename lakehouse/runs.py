"""Reports of runs, and what each source file was when it was last read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.delta import DeltaLog
from schemas.hashing import canonical_json

_NEWEST_FILES = """
    SELECT * EXCLUDE (newest) FROM (
        SELECT *, row_number() OVER (PARTITION BY source, path ORDER BY ordinal DESC) AS newest
        FROM log
    ) WHERE newest = 1 AND present
"""


class RunLog:
    """`runs`: one report a run, published or not."""

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
        """Remember files that were read and forget (source, path) pairs that are gone."""
        found = self._log.query("SELECT coalesce(max(ordinal), 0) + 1 AS n FROM log")
        ordinal = int(found["n"][0].as_py())
        rows = [_file_row(file, ordinal) for file in read]
        rows += [
            _file_row(KnownFile(source, path, None, "", (), ()), ordinal) | {"present": False}
            for source, path in gone
        ]
        self._log.append(rows)


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

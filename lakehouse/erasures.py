"""What was erased on request, by keyed hash alone, so that it does not come back by itself."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from lakehouse.delta import DeltaLog
from lakehouse.files import Files
from lakehouse.suppression import (
    PASSAGE,
    REQUEST,
    TEXT,
    Erased,
    Suppressed,
    document_subject,
    keyed,
    request_subject,
    user_subject,
)
from schemas.errors import RunRefused
from schemas.hashing import canonical_json, sha256_parts
from schemas.times import isoformat

__all__ = ["ErasureLog", "document_subject", "request_subject", "user_subject"]

Kind = Literal["document", "user"]
Status = Literal["started", "erased", "allowed"]
FOLDER = "erasing"  # of the lakehouse; holds ids while an erasure is under way, else nothing
_PLAN = f"{FOLDER}/plan.json"
_KEY = "key"  # the kind of the row whose subject is the key, hexadecimal
_CONTENT = (TEXT, PASSAGE, REQUEST)
# A text may have been erased twice, with two documents: each receipt is allowed by itself.
_NEWEST = """
    SELECT * EXCLUDE (newest) FROM (
        SELECT *, row_number() OVER (
            PARTITION BY subject, CASE WHEN kind IN ('text', 'passage', 'request') THEN receipt END
            ORDER BY ordinal DESC
        ) AS newest FROM log WHERE kind <> 'key'
    ) WHERE newest = 1
"""


class ErasureLog:
    """`erasures`: receipts, and what may not be ingested again; and the plan of one under way."""

    def __init__(self, log: DeltaLog, files: Files) -> None:
        self._log = log
        self._files = files

    def head(self) -> int:
        """What changes with each commit, also on an object store; see `Table.head`."""
        return self._log.head()

    def stamp(self) -> int | None:
        """What changes whenever the table does, for a lakehouse in a folder; None for others."""
        return self._log.stamp()

    def erased(self) -> Suppressed:
        """What stays out until somebody allows it."""
        rows = [row for row in self._newest() if row["status"] != "allowed"]
        return Suppressed(
            self._key() if rows else None,
            {row["subject"]: Erased(_receipt(row), row["at"], row["kind"]) for row in rows},
        )

    def check_finished(self) -> None:
        """Raise RunRefused where the erasure of a document was killed midway.

        Its text is gone from Delta and still stands in the index: what is built on that now would
        carry it on, under a digest that nothing can repeat.
        """
        plan = self.plan()
        if plan is not None:
            raise RunRefused(
                f"an erasure of {plan['at']} was killed before its end: nothing is published, "
                "moved or cleared until the same `almanac erase --doc ID` was run again, or "
                "`almanac doctor --heal`"
            )
        started = [row for row in self._newest() if row["status"] == "started"]
        left = [row for row in started if row["kind"] == "document"]
        if left:
            began = isoformat(min(row["at"] for row in left))
            raise RunRefused(
                f"an erasure of {began} was killed before its end: nothing is published, moved or "
                "cleared until the same `almanac erase --doc ID` was run again"
            )

    def plan(self) -> dict[str, Any] | None:
        """The plan of an erasure that was begun and is not finished."""
        try:
            plan: dict[str, Any] = json.loads(self._files.read(_PLAN))
        except FileNotFoundError:
            return None
        return plan

    def unfinished(self) -> list[str]:
        """Files that an erasure left which was killed."""
        return list(self._files.sizes(FOLDER))

    def keep_plan(self, plan: Mapping[str, Any]) -> None:
        """Store the plan, whole or not at all: from here on it is carried out to its end."""
        self._files.write(_PLAN, canonical_json(plan).encode("utf-8"))

    def forget_plan(self) -> None:
        """Remove the plan, and what a killed writer left of one."""
        self._files.delete(self.unfinished())

    def standing(self) -> frozenset[str]:
        """The numbers of all erasures of which something is not allowed again."""
        rows = self._newest()
        return frozenset(_receipt(row) for row in rows if row["status"] != "allowed")

    def newest(self, subject: str) -> dict[str, Any] | None:
        """The newest record of a document or user; None where there is none."""
        stored = self._stored(subject)
        return next((row for row in self.receipts() if row["subject"] == stored), None)

    def receipts(self) -> list[dict[str, Any]]:
        """Every record of a document or user, newest first."""
        rows = self._log.query(
            "SELECT * FROM log WHERE kind IN ('document', 'user') ORDER BY ordinal DESC"
        ).to_pylist()
        return [row | {"report": json.loads(row["report"])} for row in rows]

    def begin(
        self,
        receipt: str,
        kind: Kind,
        subjects: Iterable[str],
        contents: Collection[tuple[str, str]],
        at: datetime,
    ) -> None:
        """Refuse from now on what is about to be erased; once more changes nothing.

        Args:
            receipt: the number of the erasure.
            kind: of the subjects.
            subjects: names of documents or users.
            contents: (kind, name) of texts, passages and requests.
            at: when it was begun.
        """
        if self._log.query(
            "SELECT 1 FROM log WHERE receipt = (SELECT r FROM wanted) LIMIT 1",
            wanted=_named(receipt),
        ).num_rows:
            return
        rows = [self._row(receipt, name, kind, "started", at, {}) for name in subjects]
        rows += [
            self._row(receipt, name, what, "erased", at, {}) for what, name in sorted(contents)
        ]
        self._log.append(self._numbered(rows))

    def finish(
        self,
        receipt: str,
        kind: Kind,
        subjects: Iterable[str],
        at: datetime,
        report: Mapping[str, Any],
    ) -> None:
        """Store the report of an erasure that is done; once more changes nothing."""
        done = (row for row in self.receipts() if row["receipt"] == receipt)
        if any(row["status"] == "erased" for row in done):
            return
        rows = [self._row(receipt, name, kind, "erased", at, report) for name in subjects]
        self._log.append(self._numbered(rows))

    def allow(self, receipt: str, at: datetime) -> int:
        """Let all that was erased under a receipt come back; how many subjects that is."""
        rows = [
            row for row in self._newest() if row["status"] != "allowed" and _receipt(row) == receipt
        ]
        changed = [row | {"status": "allowed", "at": at, "report": "{}"} for row in rows]
        self._log.append(self._numbered(changed))
        return len(rows)

    def append(
        self, subject: str, kind: Kind, status: Status, at: datetime, report: dict[str, Any]
    ) -> str:
        """Store one record; its number, made of its content."""
        number = sha256_parts(subject, status, canonical_json(report), str(self._ordinal()))[:16]
        self._log.append(self._numbered([self._row(number, subject, kind, status, at, report)]))
        return number

    def _row(
        self,
        receipt: str,
        name: str,
        kind: str,
        status: Status,
        at: datetime,
        report: Mapping[str, Any],
    ) -> dict[str, Any]:
        return {
            "receipt": receipt,
            "subject": keyed(self._made_key(at), name),
            "kind": kind,
            "status": status,
            "at": at,
            "report": canonical_json(report),
        }

    def _numbered(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        ordinal = self._ordinal()
        return [row | {"ordinal": ordinal} for row in rows]

    def _ordinal(self) -> int:
        found = self._log.query("SELECT coalesce(max(ordinal), 0) + 1 AS n FROM log")
        return int(found["n"][0].as_py())

    def _newest(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._log.query(_NEWEST).to_pylist()
        return rows

    def _key(self) -> bytes | None:
        found = self._log.query(f"SELECT subject FROM log WHERE kind = '{_KEY}'")
        return bytes.fromhex(found["subject"][0].as_py()) if found.num_rows else None

    def _stored(self, subject: str) -> str:
        key = self._key()
        return keyed(key, subject) if key else subject

    def _made_key(self, at: datetime) -> bytes:
        """The key of this lakehouse, made with the first record.

        Records of a version that had none are keyed with it, in the same commit, and their old
        files are cleared: an unkeyed hash of a user's id can be guessed.
        """
        if key := self._key():
            return key
        key = secrets.token_bytes(32)
        made = {
            "receipt": "",
            "subject": key.hex(),
            "kind": _KEY,
            "status": _KEY,
            "at": at,
            "report": "{}",
            "ordinal": 0,
        }
        old = self._log.read().to_pylist()
        rows = [row | {"subject": keyed(key, row["subject"])} for row in old]
        self._log.replace([made, *rows])
        if old:
            self._log.forget_history()
        return key


def _receipt(row: Mapping[str, Any]) -> str:
    """The number that the receipt of a row says; rows of older versions have one of their own."""
    if row["kind"] in _CONTENT:
        return str(row["receipt"])
    return str(json.loads(row["report"]).get("receipt") or row["receipt"])


def _named(receipt: str) -> Any:
    import pyarrow as pa

    return pa.table({"r": pa.array([receipt], pa.string())})

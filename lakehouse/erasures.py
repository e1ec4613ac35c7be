"""What was erased on request, by hash alone, so that it does not come back by itself."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from lakehouse.delta import DeltaLog
from schemas.errors import RunRefused
from schemas.hashing import canonical_json, sha256_parts
from schemas.times import isoformat

Kind = Literal["document", "user"]
_NEWEST = """
    SELECT subject, status FROM (
        SELECT *, row_number() OVER (PARTITION BY subject ORDER BY ordinal DESC) AS newest FROM log
    ) WHERE newest = 1
"""


class ErasureLog:
    """`erasures`: receipts, and which subjects may not be ingested again."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def erased(self) -> frozenset[str]:
        """Subjects that stay out until somebody allows them."""
        rows = self._log.query(_NEWEST).to_pylist()
        return frozenset(row["subject"] for row in rows if row["status"] != "allowed")

    def check_finished(self) -> None:
        """Raise RunRefused where the erasure of a document was killed midway.

        Its text is gone from Delta and still stands in the index: what is built on that now would
        carry it on, under a digest that nothing can repeat.
        """
        rows = self._log.query(
            _NEWEST.replace("status FROM", 'status, kind, "at" FROM')
        ).to_pylist()
        left = [row for row in rows if (row["kind"], row["status"]) == ("document", "started")]
        if left:
            began = isoformat(min(row["at"] for row in left))
            raise RunRefused(
                f"an erasure of {began} was killed before its end: nothing is published, moved or "
                "cleared until the same `almanac erase --doc ID` was run again"
            )

    def newest(self, subject: str) -> dict[str, Any] | None:
        """The newest record of a subject; None where there is none."""
        return next((row for row in self.receipts() if row["subject"] == subject), None)

    def receipts(self) -> list[dict[str, Any]]:
        """Every record, newest first."""
        rows = self._log.query("SELECT * FROM log ORDER BY ordinal DESC").to_pylist()
        return [row | {"report": json.loads(row["report"])} for row in rows]

    def append(
        self,
        subject: str,
        kind: Kind,
        status: Literal["started", "erased", "allowed"],
        at: datetime,
        report: dict[str, Any],
    ) -> str:
        """Store a receipt; its number, made of its content."""
        found = self._log.query("SELECT coalesce(max(ordinal), 0) + 1 AS n FROM log")
        text, ordinal = canonical_json(report), int(found["n"][0].as_py())
        receipt = sha256_parts(subject, status, text, str(ordinal))[:16]
        row = {
            "receipt": receipt,
            "subject": subject,
            "kind": kind,
            "status": status,
            "at": at,
            "report": text,
            "ordinal": ordinal,
        }
        self._log.append([row])
        return receipt


def document_subject(source: str, doc_id: str) -> str:
    """The name under which a document's erasure is remembered."""
    return sha256_parts("document", source, doc_id)


def user_subject(user_id: str) -> str:
    """The name under which a user's erasure is remembered."""
    return sha256_parts("user", user_id)

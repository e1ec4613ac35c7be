"""Who may see each document, as a log beside that of the documents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from lakehouse.delta import DeltaLog
from lakehouse.documents import Key
from schemas.documents import Access

_NEWEST = """
    SELECT source, doc_id, principals, origin FROM log
    QUALIFY row_number() OVER (PARTITION BY source, doc_id ORDER BY ordinal DESC) = 1
"""
_OF_DOCUMENT = "SELECT * FROM log SEMI JOIN wanted USING (doc_id) ORDER BY source, ordinal"


class AccessLog:
    """`access`: who may see a document, one row each time that it changes."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def current(self) -> dict[Key, Access]:
        """The newest word on each document; of others nothing is known, so nobody may see them."""
        rows = self._log.query(_NEWEST).to_pylist()
        return {
            (row["source"], row["doc_id"]): Access(tuple(row["principals"]), row["origin"])
            for row in rows
        }

    def head(self) -> int:
        """What changes with each row; cheap, for who asks often. It may change without a cause."""
        return self._log.head()

    def record(self, access: Mapping[Key, Access], read_at: datetime) -> int:
        """Store what differs from the newest rows; how many documents that were."""
        if not access:
            return 0
        current = self.current()
        changed = {key: one for key, one in sorted(access.items()) if current.get(key) != one}
        found = self._log.query("SELECT coalesce(max(ordinal), 0) + 1 AS n FROM log")
        ordinal = int(found["n"][0].as_py())
        self._log.append([_row(key, one, ordinal, read_at) for key, one in changed.items()])
        return len(changed)

    def history(self, doc_id: str) -> list[dict[str, Any]]:
        """Every row of the documents of that id, by source, the oldest first."""
        rows: list[dict[str, Any]] = self._log.query(
            _OF_DOCUMENT, wanted=pa.table({"doc_id": [doc_id]})
        ).to_pylist()
        return rows


def _row(key: Key, access: Access, ordinal: int, read_at: datetime) -> dict[str, Any]:
    return {
        "source": key[0],
        "doc_id": key[1],
        "ordinal": ordinal,
        "principals": list(access.principals),
        "origin": access.origin,
        "read_at": read_at,
    }

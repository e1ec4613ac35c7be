"""Where releases stand: hot, cold or gone, in which table under which tag, and their seals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lakehouse.delta import DeltaLog
from schemas.hashing import canonical_json, sha256_text
from schemas.tables.releases import PLACEMENTS

_NEWEST = """
    SELECT * EXCLUDE (newest, sealed) FROM (
        SELECT *, row_number() OVER (PARTITION BY seq ORDER BY ordinal DESC) AS newest FROM log
    ) WHERE newest = 1
"""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a release stands from one moment on, what it holds there, and its seal."""

    seq: int
    tier: str
    lance_table: str
    lance_version: int
    lance_tag: str
    documents: int
    rows: int
    digest: str
    sealed: Mapping[str, Any]
    cause: str
    mark: str
    run_id: str
    at: datetime

    @property
    def seal(self) -> str:
        """SHA-256 of what is sealed."""
        return sha256_text(canonical_json(self.sealed))


class PlacementLog:
    """`placements`: the newest of a release counts."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def head(self) -> int:
        """See `lakehouse.releases.ReleaseLog.head`."""
        return self._log.head()

    def newest(self) -> dict[int, dict[str, Any]]:
        """The columns of each release's newest placement but what is sealed, by seq."""
        return {row["seq"]: row for row in self._log.query(_NEWEST).to_pylist()}

    def sealed(self, seq: int) -> tuple[dict[str, Any], str] | None:
        """What the newest seal of a release covers, and the seal; None where there is none."""
        sql = f"SELECT * FROM log WHERE seq = {int(seq)} ORDER BY ordinal DESC LIMIT 1"
        rows = self._log.query(sql).to_pylist()
        return (json.loads(rows[0]["sealed"]), rows[0]["seal"]) if rows else None

    def standing(self) -> list[Placement]:
        """The newest placement of each release, by seq."""
        sql = _NEWEST.replace("(newest, sealed)", "(newest)") + " ORDER BY seq"
        rows = self._log.query(sql).to_pylist()
        return [PLACEMENTS.read(Placement, row) for row in rows]

    def append(self, placements: Iterable[Placement]) -> None:
        """Add placements in one commit."""
        found = self._log.query("SELECT coalesce(max(ordinal), 0) + 1 AS n FROM log")
        ordinal = int(found["n"][0].as_py())
        self._log.append([_placement_row(one, ordinal) for one in placements])

    def discard_after(self, seq: int) -> None:
        """Remove the placements of releases that were never published."""
        found = self._log.query(f"SELECT 1 FROM log WHERE seq > {int(seq)} LIMIT 1")
        if found.num_rows:
            self._log.delete(f"seq > {int(seq)}")

    def replace_all(self, placements: Iterable[Placement]) -> None:
        """Forget every placement before and keep these; what an erasure does.

        Columns that a later version gave a release's newest placement stay.
        """
        rows = self._log.query(_NEWEST).to_pylist()
        before = {row["seq"]: row for row in rows}
        self._log.replace([before.get(one.seq, {}) | _placement_row(one, 1) for one in placements])


def _placement_row(placement: Placement, ordinal: int) -> dict[str, Any]:
    return PLACEMENTS.to_row(placement, ordinal=ordinal)

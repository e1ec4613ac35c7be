"""What was rejected, why, and what became of it.

Sources whose names begin with `feedback/` are logs of requests and votes: they are settled by what
imports them, and no run over documents touches their rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from lakehouse.delta import DeltaLog
from schemas.documents import Rejection
from schemas.hashing import canonical_json, sha256_parts
from schemas.tables.documents import QUARANTINE
from schemas.times import isoformat

FEEDBACK = "feedback/"
_NEWEST = """
    SELECT * EXCLUDE (newest) FROM (
        SELECT *, row_number() OVER (PARTITION BY id ORDER BY ordinal DESC) AS newest FROM log
        WHERE "at" <= TIMESTAMPTZ '{until}'
    ) WHERE newest = 1
"""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One rejection in the table; `id` comes from the content, so a rerun adds nothing."""

    id: str
    source: str
    doc_id: str
    expectation: str
    severity: str
    value: str
    reason: str
    status: str
    run_id: str
    at: datetime
    ordinal: int
    note: Mapping[str, str] = field(default_factory=dict)


class Recorded(NamedTuple):
    """How many rows a run opened and resolved, and all that stand open after it.

    `dismissed` are found still, and a person looked at them.
    """

    opened: int
    resolved: int
    standing: list[Quarantined]
    dismissed: tuple[Quarantined, ...] = ()

    def told(self) -> list[Quarantined]:
        """All that is found still, open or dismissed."""
        return [*self.standing, *self.dismissed]


class Quarantine:
    """`quarantine`: rejections, opened by one run and resolved by a later one."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def rows(self, status: str | None = "open", until: datetime | None = None) -> list[Quarantined]:
        """Rejections by source and document, as of `until`; those of every status for None."""
        sql = _NEWEST.format(until=isoformat(until) if until else "infinity")
        found = self._log.query(sql).to_pylist()
        rows = sorted((QUARANTINE.read(Quarantined, row) for row in found), key=_order)
        return [row for row in rows if status is None or row.status == status]

    def record(
        self,
        found: Iterable[tuple[str, Rejection]],
        unread: frozenset[tuple[str, str]],
        run_id: str,
        at: datetime,
        later: tuple[frozenset[tuple[str, str]], frozenset[str]] = (frozenset(), frozenset()),
    ) -> Recorded:
        """Make the open rows equal to what this run `found`: (source, rejection) pairs.

        Rows of `unread` (source, doc_id) documents, which this run had no reason to read, and those
        of feedback stay as they are. So do rows of `later`: documents that some rules have not
        judged yet, and the names of those rules.
        """
        rows = self.rows(status=None)
        standing = {row.id: row for row in rows if _stands(row) and not _of_feedback(row)}
        now = {_id(source, rejection): (source, rejection) for source, rejection in found}
        gone = [
            row
            for row in standing.values()
            if row.id not in now
            and (row.source, row.doc_id) not in unread
            and not ((row.source, row.doc_id) in later[0] and row.expectation in later[1])
        ]
        fresh = [now[key] for key in sorted(now) if key not in standing]
        return self._change(rows, standing, fresh, gone, run_id, at)

    def settle(
        self,
        found: Iterable[tuple[str, Rejection]],
        mended: Collection[str],
        run_id: str,
        at: datetime,
    ) -> Recorded:
        """Open what was `found` in feedback and close the rows of these ids; others stay.

        Only under the lease. Writes nothing where all of it stands so already.
        """
        rows = self.rows(status=None)
        standing = {row.id: row for row in rows if _stands(row) and _of_feedback(row)}
        now = {_id(source, rejection): (source, rejection) for source, rejection in found}
        gone = [standing[key] for key in sorted(mended) if key in standing and key not in now]
        fresh = [now[key] for key in sorted(now) if key not in standing]
        return self._change(rows, standing, fresh, gone, run_id, at)

    def dismiss(
        self, rows: Iterable[Quarantined], note: Mapping[str, str], run_id: str, at: datetime
    ) -> None:
        """Mark rows as looked at by a person; what was said of them is kept. Under the lease."""
        last = max((row.ordinal for row in self.rows(status=None)), default=0)
        stamp = {"run_id": run_id, "at": at, "ordinal": last + 1}
        said = {"status": "dismissed", "note": canonical_json(dict(note))}
        self._log.append([_closed(row) | stamp | said for row in rows])

    def _change(
        self,
        rows: Collection[Quarantined],
        standing: Mapping[str, Quarantined],
        fresh: Iterable[tuple[str, Rejection]],
        gone: Iterable[Quarantined],
        run_id: str,
        at: datetime,
    ) -> Recorded:
        stamp = {
            "run_id": run_id,
            "at": at,
            "ordinal": 1 + max((row.ordinal for row in rows), default=0),
        }
        opened = [_row(source, rejection) | stamp for source, rejection in fresh]
        resolved = [_closed(row) | stamp for row in gone]
        self._log.append(opened + resolved)
        mended = {row.id for row in gone}
        left = [row for row in standing.values() if row.status == "open" and row.id not in mended]
        left += [Quarantined(**row) for row in opened]
        known = (row for row in standing.values() if row.status == "dismissed")
        dismissed = tuple(row for row in known if row.id not in mended)
        return Recorded(len(opened), len(resolved), sorted(left, key=_order), dismissed)


def _stands(row: Quarantined) -> bool:
    """Is it found still, as far as anybody knows? A dismissed row is not opened again."""
    return row.status in ("open", "dismissed")


def _of_feedback(row: Quarantined) -> bool:
    return row.source.startswith(FEEDBACK)


def _order(row: Quarantined) -> tuple[str, ...]:
    return (row.source, row.doc_id, row.expectation, row.value, row.id)


def _id(source: str, rejection: Rejection) -> str:
    parts = (source, rejection.doc_id, rejection.expectation, rejection.value, rejection.reason)
    return sha256_parts(*parts)[:32]


def _row(source: str, rejection: Rejection) -> dict[str, Any]:
    return {
        "id": _id(source, rejection),
        "source": source,
        "doc_id": rejection.doc_id,
        "expectation": rejection.expectation,
        "severity": rejection.severity,
        "value": rejection.value,
        "reason": rejection.reason,
        "status": "open",
    }


def _closed(row: Quarantined) -> dict[str, Any]:
    names = ("id", "source", "doc_id", "expectation", "severity", "value", "reason")
    return {name: getattr(row, name) for name in names} | {"status": "resolved"}

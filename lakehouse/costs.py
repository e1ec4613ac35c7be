"""What models cost, as it stands in Delta: with each request, and calls that belong to none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lakehouse.delta import DeltaLog
from schemas.tables.assistants import MODEL_CALLS
from schemas.times import isoformat

_REQUESTS = """
    SELECT request_id, asked_at, user_id, assistant, version, model, route, cost_micros, status,
        prompt_tokens, completion_tokens
    FROM log WHERE route IS NOT NULL {where}
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY content_hash) = 1
    ORDER BY asked_at, request_id
"""
_CALLS = 'SELECT * FROM log WHERE true {where} ORDER BY "at"'


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call of a model that no user's request made: of a judge, a teacher, a gate, a rollout.

    `usd` is the exact cost as text, None where the price was not known. `counted_by` is endpoint,
    or almanac where the endpoint did not say how many tokens it took.
    """

    at: datetime
    purpose: str
    endpoint: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    counted_by: str
    usd: str | None
    cost_micros: int | None
    assistant: str = ""


class CostLog:
    """The table `model_calls`, and the costs in `requests`."""

    def __init__(self, calls: DeltaLog, requests: DeltaLog) -> None:
        self._calls, self._requests = calls, requests

    def append(self, calls: Iterable[StoredCall]) -> None:
        """Add calls in one commit; without any nothing is written."""
        if rows := [MODEL_CALLS.to_row(one) for one in calls]:
            self._calls.append(rows)

    def tend(self, grace: timedelta) -> bool:
        """Write many small files together; see `lakehouse.vacuum.ClearedTable.tend`."""
        return self._calls.tend(grace)

    def calls(self, start: datetime | None = None, end: datetime | None = None) -> list[StoredCall]:
        """Calls by time, from `start` on and before `end`."""
        rows = self._calls.query(_CALLS.format(where=_between('"at"', start, end))).to_pylist()
        return [MODEL_CALLS.read(StoredCall, row) for row in rows]

    def requests(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Of each request that Almanac answered what its cost needs; no text of it.

        `route` is JSON, as text.
        """
        sql = _REQUESTS.format(where=_between("asked_at", start, end))
        rows: list[dict[str, Any]] = self._requests.query(sql).to_pylist()
        return rows


def _between(column: str, start: datetime | None, end: datetime | None) -> str:
    clauses = []
    if start:
        clauses.append(f"AND {column} >= TIMESTAMPTZ '{isoformat(start)}'")
    if end:
        clauses.append(f"AND {column} < TIMESTAMPTZ '{isoformat(end)}'")
    return " ".join(clauses)

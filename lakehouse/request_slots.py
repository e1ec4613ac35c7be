"""Samples of the request log by slots of time, for drift.

Time is cut into slots of `drift.window_days`, counted back from an end: slot 0 is the window, the
`drift.reference_windows` others are its reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from lakehouse.delta import DeltaLog
from schemas.settings import DriftSettings
from schemas.times import isoformat

_VOTED = 10_000  # requests of a slot whose votes are counted

# Drawn by hash, so always the same; a question that a user repeats in a slot is taken once.
_SLOTS = """
    SELECT *, CAST(floor(age / {window}) AS BIGINT) AS slot,
        CAST(floor(age) AS BIGINT) % {window} AS day,
        md5(request_id || '{seed}') AS draw
    FROM (
        SELECT DISTINCT ON (request_id) request_id, user_id, asked_at, question, lang,
            epoch(TIMESTAMPTZ '{end}' - asked_at) / 86400 AS age
        FROM log
        WHERE asked_at > TIMESTAMPTZ '{start}' AND asked_at <= TIMESTAMPTZ '{end}'
    )
"""
_QUESTIONS = f"""
    SELECT * FROM ({_SLOTS}) WHERE trim(question) <> ''
    QUALIFY row_number() OVER (PARTITION BY slot, user_id, question ORDER BY draw) = 1
"""
_DRAWN = """
    SELECT request_id, user_id, asked_at, slot, day, question, lang FROM (
        SELECT * FROM ({rows})
        QUALIFY row_number() OVER (PARTITION BY slot, user_id ORDER BY draw) <= {of_user}
    )
    QUALIFY row_number() OVER (PARTITION BY slot ORDER BY draw) <= {of_slot}
    ORDER BY asked_at, request_id
"""
_AMONG = "SELECT * FROM ({rows}) SEMI JOIN wanted USING (request_id)"


@dataclass(frozen=True, slots=True)
class SlottedRequest:
    """One request: the slot it fell in (0 is the window), and the day in it, counted back."""

    request_id: str
    user_id: str
    asked_at: datetime
    slot: int
    day: int
    question: str = ""
    lang: str | None = None


class RequestSlots:
    """`requests` and `votes`, read by slots of time; lists are by time, then id."""

    def __init__(self, requests: DeltaLog, votes: DeltaLog) -> None:
        self._requests, self._votes = requests, votes

    def questions(self, end: datetime, rules: DriftSettings) -> list[SlottedRequest]:
        """At most `sample` questions of each slot, and `max_per_user` of a user."""
        sql = _DRAWN.format(rows=_QUESTIONS, of_user=rules.max_per_user, of_slot=rules.sample)
        return self._rows(sql, end, rules)

    def voted(self, end: datetime, rules: DriftSettings) -> list[SlottedRequest]:
        """Requests that somebody voted on by `end`."""
        wanted = self._votes.query(
            f"SELECT DISTINCT request_id FROM log WHERE rated_at <= TIMESTAMPTZ '{isoformat(end)}'"
        )
        rows = _AMONG.format(rows=_SLOTS)
        sql = _DRAWN.format(rows=rows, of_user=_VOTED, of_slot=_VOTED)
        return self._rows(sql, end, rules, wanted=wanted)

    def _rows(
        self, sql: str, end: datetime, rules: DriftSettings, **tables: pa.Table
    ) -> list[SlottedRequest]:
        start = end - timedelta(days=rules.window_days * (1 + rules.reference_windows))
        names = {"start": isoformat(start), "end": isoformat(end)}
        filled = sql.format(window=rules.window_days, seed=rules.seed, **names)
        rows = self._requests.query(filled, **tables).to_pylist()
        return [SlottedRequest(**row) for row in rows]

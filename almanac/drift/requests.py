"""Requests of the window and of its reference, and which of them may take each other's place.

Time is cut into slots of `drift.window_days`, counted back from the end: slot 0 is the window, the
others are its reference. A block is all that a user asked in a slot: sessions, repeated questions
and the days of a week stay together. Where too few users ask (all may ask under one name), it is a
day of a user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from almanac.drift.blocks import Blocks
from lakehouse import Lakehouse
from schemas.settings import DriftSettings
from schemas.times import isoformat

FEWEST_BLOCKS = 5  # in the window
_VOTED = 10_000  # requests of a slot whose votes are counted

# Drawn by hash, so always the same; a question that a user repeats in a slot stands there once.
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
class Asked:
    """One request: the slot it fell in (0 is the window), and the day in it, counted back."""

    request_id: str
    user_id: str
    asked_at: datetime
    slot: int
    day: int
    question: str = ""
    lang: str | None = None


def questions(lake: Lakehouse, end: datetime, rules: DriftSettings) -> list[Asked]:
    """At most `sample` questions of each slot, and `max_per_user` of a user, by time."""
    drawn = _DRAWN.format(rows=_QUESTIONS, of_user=rules.max_per_user, of_slot=rules.sample)
    return _rows(lake, drawn, end, rules)


def voted(lake: Lakehouse, end: datetime, rules: DriftSettings) -> list[Asked]:
    """Requests that somebody voted on, by time."""
    found = lake.delta("votes").query(
        f"SELECT DISTINCT request_id FROM log WHERE rated_at <= TIMESTAMPTZ '{isoformat(end)}'"
    )
    rows = _AMONG.format(rows=_SLOTS)
    drawn = _DRAWN.format(rows=rows, of_user=_VOTED, of_slot=_VOTED)
    return _rows(lake, drawn, end, rules, wanted=found)


def blocks_of(asked: Sequence[Asked]) -> Blocks:
    """A block is what a user asked in a slot, or on a day of it where there are few users."""
    users = {one.user_id for one in asked if one.slot == 0}
    daily = len(users) < FEWEST_BLOCKS
    keys = [(one.slot, one.user_id, one.day if daily else 0) for one in asked]
    numbers = {key: at for at, key in enumerate(sorted(set(keys)))}
    window = sum(slot == 0 for slot, _, _ in numbers)  # sorted, so they come first
    of = np.array([numbers[key] for key in keys], np.int64)
    ids = np.arange(len(numbers), dtype=np.int64)
    return Blocks(ids[:window], ids[window:], of, np.ones(len(asked)))


def too_few(asked: Sequence[Asked], least: int, what: str) -> str:
    """Why these can't be compared; empty where they can."""
    window = sum(one.slot == 0 for one in asked)
    for count, side in ((window, "the window"), (len(asked) - window, "the reference")):
        if count < least:
            return f"too few: {count} of {least} {what} in {side}"
    blocks = len(blocks_of(asked).window)
    if blocks < FEWEST_BLOCKS:
        return f"too few: {blocks} of {FEWEST_BLOCKS} users, or days of users, in the window"
    return ""


def _rows(
    lake: Lakehouse, sql: str, end: datetime, rules: DriftSettings, **tables: pa.Table
) -> list[Asked]:
    start = end - timedelta(days=rules.window_days * (1 + rules.reference_windows))
    names = {"start": isoformat(start), "end": isoformat(end)}
    filled = sql.format(window=rules.window_days, seed=rules.seed, **names)
    found = lake.delta("requests").query(filled, **tables).to_pylist()
    return [Asked(**row) for row in found]

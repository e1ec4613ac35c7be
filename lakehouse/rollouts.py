"""Rollouts and judgements as they stand in Delta: append-only, the newest row counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from lakehouse.delta import DeltaLog
from lakehouse.feedback import next_ordinal
from schemas.tables.assistants import JUDGEMENTS, ROLLOUTS
from schemas.times import isoformat

# One row a request of a rollout that Almanac's server answered.
_ANSWERS = """
    SELECT request_id, user_id, asked_at, arm, status, latency_ms FROM log
    WHERE rollout = (SELECT name FROM wanted) AND arm IN ('candidate', 'current', 'fallback')
        AND asked_at >= TIMESTAMPTZ '{since}'
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY content_hash) = 1
    ORDER BY asked_at, request_id
"""
# The newest vote of each user on each of these requests.
_VOTES = """
    SELECT request_id, user_id, rated_at, rating FROM log SEMI JOIN wanted USING (request_id)
    QUALIFY row_number() OVER (
        PARTITION BY request_id, user_id ORDER BY rated_at DESC, rating
    ) = 1
    ORDER BY rated_at, request_id, user_id
"""
_JUDGEMENTS = """
    SELECT * FROM log WHERE rollout = (SELECT name FROM wanted) AND measure = 'pair'
    QUALIFY row_number() OVER (PARTITION BY request_id, judge ORDER BY ordinal DESC) = 1
    ORDER BY ordinal, request_id
"""

_MEASURES = """
    SELECT * FROM log WHERE prompt = (SELECT name FROM wanted) AND measure <> 'pair'
    QUALIFY row_number() OVER (PARTITION BY request_id, measure ORDER BY ordinal DESC) = 1
    ORDER BY ordinal, request_id
"""


@dataclass(frozen=True, slots=True)
class RolloutStep:
    """One step of a rollout; `ordinal` is given when it is stored."""

    rollout: str
    assistant: str
    candidate: str
    current: str
    share: float
    state: str
    plan: Mapping[str, Any]
    statistics: Mapping[str, Any]
    actor: str
    reason: str
    at: datetime
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that a version answered in a rollout; latency in milliseconds."""

    request_id: str
    user_id: str
    asked_at: datetime
    arm: str
    status: str | None
    latency_ms: float | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge said of one request; see the table `judgements`."""

    request_id: str
    judge: str
    ordinal: int
    measure: str
    verdict: str
    score: float
    reason: str
    rollout: str
    arm: str
    result: Mapping[str, Any]
    prompt: str
    at: datetime


class RolloutLog:
    """`rollouts`, and what was answered and voted in them."""

    def __init__(self, log: DeltaLog, requests: DeltaLog, votes: DeltaLog) -> None:
        self._log, self._requests, self._votes = log, requests, votes

    def head(self) -> int:
        """What changes with each step, also of another process; see `Table.head`."""
        return self._log.head()

    def steps(self) -> list[RolloutStep]:
        """Every step ever taken, oldest first."""
        rows = self._log.query("SELECT * FROM log ORDER BY ordinal").to_pylist()
        return [ROLLOUTS.read(RolloutStep, row) for row in rows]

    def append(self, steps: Iterable[RolloutStep]) -> None:
        """Take steps in one commit, numbered in their order; only under the lease."""
        ordinal = next_ordinal(self._log)
        self._log.append(
            [ROLLOUTS.to_row(step, ordinal=ordinal + at) for at, step in enumerate(steps)]
        )

    def answers(self, rollout: str, since: datetime) -> list[Answered]:
        """The questions that a rollout's versions answered, by time."""
        sql = _ANSWERS.format(since=isoformat(since))
        rows = self._requests.query(sql, wanted=_name(rollout)).to_pylist()
        return [Answered(**row) for row in rows]

    def votes(self, request_ids: Iterable[str]) -> list[dict[str, Any]]:
        """The newest vote of each user on each request: request_id, user_id, rated_at, rating."""
        wanted = pa.table({"request_id": pa.array(sorted(request_ids), pa.string())})
        rows: list[dict[str, Any]] = self._votes.query(_VOTES, wanted=wanted).to_pylist()
        return rows


class JudgementLog:
    """`judgements`: what judges said of answers; of a request and a judge the newest row counts."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def append(self, judgements: Iterable[Judgement]) -> None:
        """Add judgements in one commit."""
        self._log.append([JUDGEMENTS.to_row(one) for one in judgements])

    def tend(self, grace: timedelta) -> bool:
        """Write many small files together; see `lakehouse.vacuum.ClearedTable.tend`."""
        return self._log.tend(grace)

    def of_answers(self, prompt: str) -> list[Judgement]:
        """What was measured of answers by one judge and prompt; the newest of each measure."""
        wanted = _name(prompt)
        rows = self._log.query(_MEASURES, wanted=wanted).to_pylist()
        return [JUDGEMENTS.read(Judgement, row) for row in rows]

    def of_rollout(self, rollout: str) -> list[Judgement]:
        """The pairs of a rollout, in the order of their judging."""
        rows = self._log.query(_JUDGEMENTS, wanted=_name(rollout)).to_pylist()
        return [JUDGEMENTS.read(Judgement, row) for row in rows]


def _name(rollout: str) -> pa.Table:
    return pa.table({"name": pa.array([rollout], pa.string())})

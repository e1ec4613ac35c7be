"""A lakehouse in which versions answered, users voted and a judge judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.rollouts import steps
from almanac.rollouts.state import Rollout
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.rollouts import Judgement
from schemas.feedback import Request, Vote
from schemas.settings import RolloutSettings, Settings


@dataclass
class House:
    """Requests, votes and judgements of one assistant, written as the server writes them."""

    settings: Settings
    written: int = 0

    @property
    def lake(self) -> Lakehouse:
        return open_lakehouse(self.settings.lakehouse, durability="none")

    def rollout(self, name: str) -> Rollout:
        return steps.find(self.lake, name)

    def answers(
        self, rollout: str, arm: str, status: Iterable[str], rating: int | None = None
    ) -> None:
        requests, votes = [], []
        at = datetime.now(UTC)
        for one in status:
            self.written += 1
            name = f"q{self.written:05}"
            requests.append(
                Request(
                    request_id=name,
                    asked_at=at + timedelta(microseconds=self.written),
                    user_id=f"user {self.written}",
                    question="Who?",
                    response="Ann [1].",
                    latency_ms=900.0,
                    assistant="handbook",
                    version="1" * 12,
                    status=one,
                    arm=arm,
                    rollout=rollout,
                )
            )
            if rating:
                votes.append(Vote(name, f"user {self.written}", at, rating))
        self.lake.requests.append(requests)
        self.lake.votes.append(votes)

    def judged(self, rollout: str, verdicts: Iterable[str], judge: str = "judge-1") -> None:
        score = {"candidate": 1.0, "current": -1.0}
        at = datetime.now(UTC)
        rows = []
        for verdict in verdicts:
            self.written += 1
            rows.append(
                Judgement(
                    request_id=f"p{self.written:05}",
                    judge=judge,
                    ordinal=self.written,
                    measure="pair",
                    verdict=verdict,
                    score=score.get(verdict, 0.0),
                    reason="",
                    rollout=rollout,
                    arm="current",
                    result={"status": "answered", "latency_ms": 800.0},
                    prompt="p",
                    at=at,
                )
            )
        self.lake.judgements.append(rows)


@pytest.fixture
def house(tmp_path: Path) -> House:
    limits = RolloutSettings(min_minutes=0, lease_seconds=0.2)
    settings = Settings(lakehouse=str(tmp_path / "lake"), durability="none", rollouts=limits)
    return House(settings.model_copy(update={"judge": settings.judge.model_copy(
        update={"model": "judge-1"})}))  # fmt: skip

"""One look at a rollout: evidence, verdict, and what the verdict says done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from almanac.rollouts.decide import Clock, Verdict, decide
from almanac.rollouts.evidence import Evidence
from almanac.rollouts.gather import gather
from almanac.rollouts.state import Rollout
from almanac.rollouts.steps import Also, carry_out, nothing_else
from lakehouse import Lakehouse
from lakehouse.rollouts import RolloutStep
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a rollout found."""

    rollout: Rollout
    evidence: Evidence
    verdict: Verdict


def look(lake: Lakehouse, rollout: Rollout, now: datetime | None = None) -> Look:
    """The verdict on a rollout as Delta has its evidence now; nothing is changed.

    Of one that is paused, a verdict that would move it forward is `hold`.
    """
    at = now or datetime.now(UTC)
    evidence = gather(lake, rollout)
    clock = Clock(_minutes(rollout.started_at, at), _minutes(rollout.share_since, at))
    verdict = decide(rollout.plan, rollout.last.share, clock, evidence)
    if rollout.last.state == "paused" and verdict.kind != "roll_back":
        verdict = Verdict("hold", f"paused by {rollout.last.actor}: {rollout.last.reason}")
    return Look(rollout, evidence, verdict)


def check(
    settings: Settings, lake: Lakehouse, rollout: Rollout, actor: str, also: Also = nothing_else
) -> tuple[Look, RolloutStep | None]:
    """Look at a rollout and do what the verdict says; raises as `steps.carry_out` does."""
    found = look(lake, rollout)
    statistics = found.evidence.as_json()
    return found, carry_out(settings, rollout, found.verdict, statistics, actor, also)


def _minutes(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds() / 60

"""A rollout for people and machines: where it stands, on what figures, and examples."""

from __future__ import annotations

from typing import Any

from almanac.rollouts.check import Look
from almanac.rollouts.gather import NO_JUDGE, SKIPPED
from almanac.rollouts.state import Rollout
from lakehouse.rollouts import Judgement, RolloutStep
from schemas.times import isoformat

_LOOKED_AT = 20  # of each verdict, of which those are shown that differ


def summary(rollout: Rollout) -> dict[str, Any]:
    """One line of a list."""
    last = rollout.last
    return {
        "rollout": rollout.name,
        "assistant": last.assistant,
        "candidate": last.candidate,
        "current": last.current,
        "state": last.state,
        "share": rollout.share,
        "test": not rollout.plan.promotes,
        "started_at": isoformat(rollout.started_at),
        "reason": last.reason,
        "actor": last.actor,
        "at": isoformat(last.at),
    }


def report(found: Look) -> dict[str, Any]:
    """All of one rollout: its verdict now, or its end, with the figures, plan and steps."""
    rollout, verdict = found.rollout, found.verdict
    is_open = rollout.is_open
    return summary(rollout) | {
        "verdict": verdict.kind if is_open else None,
        "verdict_reason": verdict.reason if is_open else rollout.last.reason,
        "next_share": verdict.share if is_open else None,
        "plan": rollout.plan.as_json(),
        "evidence": found.evidence.as_json(),
        "steps": [_step(step) for step in rollout.steps],
    }


def examples(judgements: list[Judgement]) -> list[Judgement]:
    """The newest pairs that the judge decided, lost ones first, then won, then equal."""
    asked = [one for one in judgements if one.judge not in (SKIPPED, NO_JUDGE)]
    newest = sorted(asked, key=lambda one: -one.ordinal)
    return [
        one
        for verdict in ("current", "candidate", "equal")
        for one in [pair for pair in newest if pair.verdict == verdict][:_LOOKED_AT]
    ]


def _step(step: RolloutStep) -> dict[str, Any]:
    return {
        "at": isoformat(step.at),
        "state": step.state,
        "share": step.share,
        "actor": step.actor,
        "reason": step.reason,
    }

"""The verdict on a rollout, from its evidence alone: the same figures, the same verdict.

What was not measured is neither failed nor passed: without evidence the share stays as it is, and
at the end of `max_days` the present version stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from almanac.rollouts.confidence import Interval
from almanac.rollouts.evidence import Evidence
from almanac.rollouts.plan import Plan

Kind = Literal["roll_back", "step", "promote", "hold", "expire"]
_MEASURES = {
    "signals": "answers that did not fail",
    "judge": "the judge's pairs",
    "votes": "users who did not dislike",
}


@dataclass(frozen=True, slots=True)
class Clock:
    """Minutes since the rollout began, and since its share last grew."""

    since_start: float
    since_step: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, why in words, and the share to go to (of a `step` alone)."""

    kind: Kind
    reason: str
    share: float | None = None


def decide(plan: Plan, share: float, clock: Clock, evidence: Evidence) -> Verdict:
    """The verdict at one look; looking more often makes no error likelier."""
    if evidence.tripped:
        return Verdict("roll_back", evidence.tripped)
    intervals = evidence.intervals()
    for source, interval in intervals.items():
        if interval.upper < 0:
            return Verdict("roll_back", f"worse by {_words(source, interval)}")
    if clock.since_start > plan.max_days * 1440:
        days = f"{plan.max_days:g} days without a verdict"
        return Verdict("expire", f"{days}: {_lacks(plan, share, clock, evidence) or 'a test ends'}")
    if lacking := _lacks(plan, share, clock, evidence):
        return Verdict("hold", lacking)
    if not plan.promotes:
        return Verdict("hold", "a test does not promote itself: no arm is worse by more than "
                       f"{plan.margin:.0%}")  # fmt: skip
    said = f"no worse than by {plan.margin:.0%}: {_words(plan.needs, intervals[plan.needs])}"
    if _only_behind(plan, share):
        said = f"{_behind(evidence)}; {_MEASURES[plan.needs]} come with the first users"
    following = plan.after(share)
    if following is None:
        return Verdict("promote", said)
    return Verdict("step", said, following)


def _lacks(plan: Plan, share: float, clock: Clock, evidence: Evidence) -> str:
    """What is missing for the share to grow; empty where nothing is."""
    if clock.since_step < plan.min_minutes:
        return f"{clock.since_step:.0f} of {plan.min_minutes:g} minutes at {share:.0%}"
    if _only_behind(plan, share):
        pairs = evidence.pairs
        enough = pairs.answered >= plan.min_step_pairs
        if enough and pairs.answered >= plan.min_coverage * pairs.tried:
            return ""
        return f"not measured yet: {_behind(evidence)}, {plan.min_step_pairs} are needed"
    interval = evidence.intervals()[plan.needs]
    if interval.n < plan.min_pairs:
        return f"not measured yet: {interval.n} of {plan.min_pairs} by {_MEASURES[plan.needs]}"
    if plan.needs == "judge":
        pairs = evidence.pairs
        coverage = pairs.coverage or 0.0
        if coverage < plan.min_coverage:
            return (
                f"not measured: the judge judged {pairs.judged} of the last {pairs.sent} pairs, "
                f"less than {plan.min_coverage:.0%}"
            )
        if pairs.since_step < plan.min_step_pairs:
            return (
                f"not measured at {share:.0%}: {pairs.since_step} of {plan.min_step_pairs} pairs "
                "judged there"
            )
    if interval.lower <= -plan.margin:
        return f"may be worse by more than {plan.margin:.0%}: {_words(plan.needs, interval)}"
    return ""


def _only_behind(plan: Plan, share: float) -> bool:
    """Nobody gets the candidate, and no judge compares: whether it answers is all that shows."""
    return share == 0 and plan.needs != "judge"


def _behind(evidence: Evidence) -> str:
    pairs = evidence.pairs
    return f"it answered {pairs.answered} of {pairs.tried} questions in the background"


def _words(source: str, interval: Interval) -> str:
    figures = f"{interval.estimate:+.1%} ({interval.lower:+.1%} to {interval.upper:+.1%})"
    return f"{_MEASURES[source]}, {figures} of {interval.n}"

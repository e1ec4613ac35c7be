"""Where each rollout stands, told from its steps alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from almanac.rollouts.assignment import Arm, arm_of
from almanac.rollouts.plan import Plan
from lakehouse.rollouts import RolloutStep

State = Literal["running", "paused", "promoted", "rolled_back", "expired"]
OPEN = ("running", "paused")


@dataclass(frozen=True, slots=True)
class Rollout:
    """One rollout with all of its steps, oldest first."""

    steps: tuple[RolloutStep, ...]

    @property
    def last(self) -> RolloutStep:
        """The step that says where it stands."""
        return self.steps[-1]

    @property
    def name(self) -> str:
        """Its id."""
        return self.last.rollout

    @property
    def is_open(self) -> bool:
        """Is it under way, running or paused?"""
        return self.last.state in OPEN

    @property
    def plan(self) -> Plan:
        """What it keeps to; that of its first step."""
        return Plan.read(self.steps[0].plan)

    @property
    def share(self) -> float:
        """Of users that the candidate answers; 0 once it was rolled back."""
        if self.last.state in ("rolled_back", "expired"):
            return 0.0
        return 1.0 if self.last.state == "promoted" else self.last.share

    @property
    def started_at(self) -> datetime:
        """When it began."""
        return self.steps[0].at

    @property
    def share_since(self) -> datetime:
        """Since when the share is what it is, and it runs: a pause does not count as time."""
        since = self.last.at
        for step in reversed(self.steps):
            if (step.share, step.state) != (self.last.share, self.last.state):
                break
            since = step.at
        return since

    def arm(self, user: str) -> Arm:
        """Which of its versions a user gets."""
        return arm_of(self.name, user, self.share)

    def version(self, user: str) -> str:
        """The version that answers a user."""
        return self.last.candidate if self.arm(user) == "candidate" else self.last.current

    def stretches(self) -> list[tuple[datetime, float]]:
        """From when it had which share, oldest first."""
        found: list[tuple[datetime, float]] = []
        for step in self.steps:
            if not found or found[-1][1] != step.share:
                found.append((step.at, step.share))
        return found


def rollouts(steps: Iterable[RolloutStep]) -> list[Rollout]:
    """Every rollout, newest first.

    A rollout that ended takes no more steps: what a slow writer left after its end is passed over.
    """
    found: dict[str, list[RolloutStep]] = {}
    for step in sorted(steps, key=lambda one: one.ordinal):
        known = found.setdefault(step.rollout, [])
        if not known or known[-1].state in OPEN:
            known.append(step)
    every = [Rollout(tuple(some)) for some in found.values()]
    return sorted(every, key=lambda one: -one.steps[0].ordinal)


def open_rollout(steps: Iterable[RolloutStep], assistant: str) -> Rollout | None:
    """The one that is under way for an assistant; None where none is."""
    every = (one for one in rollouts(steps) if one.is_open and one.last.assistant == assistant)
    return next(every, None)

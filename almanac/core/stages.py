"""Stages that adapters and versions of assistants go through: one set of rules for both.

Each step is a row with who, why and when; where a thing stands is told from its steps alone. Who
takes another's place in production archives it; a rollback sends the one in production back to
staging and takes the archived one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Step(NamedTuple):
    """One step: `subject` was moved to `stage`, among those that share one production, `group`."""

    subject: str
    group: str
    stage: str


def standing(steps: Iterable[Step]) -> dict[str, str]:
    """The stage of each subject, by its newest step; `steps` are in the order they were taken."""
    return {step.subject: step.stage for step in steps}


def in_production(steps: Iterable[Step], group: str) -> str | None:
    """Who is in production; None where nobody is."""
    stages = standing(step for step in steps if step.group == group)
    return next((subject for subject, stage in stages.items() if stage == "production"), None)


def next_stage(stage: str, following: Mapping[str, str]) -> str | None:
    """The stage after this one, by a table of what follows what; None where nothing does."""
    return following.get(stage)


def before_production(steps: Iterable[Step], group: str) -> str | None:
    """Who a rollback goes back to; None where nobody was in production before.

    Args:
        steps: all steps ever taken, oldest first.
        group: those among which production is one.
    """
    stack: list[str] = []  # whoever went into production and was not taken back, newest last
    stages: dict[str, str] = {}
    for step in steps:
        if step.group != group:
            continue
        was = stages.get(step.subject)
        if was == "production" and step.stage == "staging":  # taken back
            stack.pop()
        elif was != "archived" and step.stage == "production":
            stack = stack if "production" in stages.values() else []  # after nobody at all
            stack.append(step.subject)
        stages[step.subject] = step.stage
    return stack[-2] if len(stack) > 1 else None

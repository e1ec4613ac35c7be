"""Where versions stand, told from their steps alone: dev, staging, production.

What answers users is the version in production. The rules are those of adapters, in `core.stages`;
a version that was archived may come back through staging, since nothing of it ages.
"""

from __future__ import annotations

from collections.abc import Iterable

from almanac.core import stages
from lakehouse import Lakehouse
from lakehouse.assistants import StageStep

NEXT = {"dev": "staging", "staging": "production", "archived": "staging", "rejected": "dev"}


def production(lake: Lakehouse) -> dict[str, str]:
    """The version in production by the name of its assistant."""
    return {name: step.version for name, step in production_steps(lake).items()}


def production_steps(lake: Lakehouse) -> dict[str, StageStep]:
    """The step that put the version into production that is there, by the name of its assistant."""
    steps: dict[str, list[StageStep]] = {}
    for step in lake.assistant_stages.steps():
        steps.setdefault(step.assistant, []).append(step)
    found = {name: in_production(taken) for name, taken in steps.items()}
    return {name: step for name, step in found.items() if step}


def in_production(steps: Iterable[StageStep]) -> StageStep | None:
    """The step that put the version into production that is there; None where none is.

    Args:
        steps: of one assistant, oldest first. Of two in production the later one is there.
    """
    there = None
    for step in steps:
        if step.stage == "production":
            there = step
        elif there and step.version == there.version:
            there = None
    return there


def stages_of(lake: Lakehouse, assistant: str) -> dict[str, str]:
    """The stage of each version of an assistant, in the order they were stored; dev before any."""
    stored = [one.version for one in lake.assistant_versions.all() if one.assistant == assistant]
    steps = lake.assistant_stages.steps(assistant)
    moved = stages.standing(as_steps(steps))
    there = in_production(steps)
    return dict.fromkeys(stored, "dev") | {
        version: "archived"
        if stage == "production" and there and version != there.version
        else stage
        for version, stage in moved.items()
    }


def stage_of(lake: Lakehouse, version: str) -> str:
    """Where a version stands; dev before any step."""
    steps = [one for one in lake.assistant_stages.steps() if one.version == version]
    return stages_of(lake, steps[0].assistant)[version] if steps else "dev"


def as_steps(steps: Iterable[StageStep]) -> list[stages.Step]:
    """Steps as the rules take them."""
    return [stages.Step(one.version, one.assistant, one.stage) for one in steps]

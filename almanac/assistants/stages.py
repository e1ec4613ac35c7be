"""Stages of versions: dev, staging, production; each step a row with who, why and when.

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
    stage_of = stages.standing(_steps(lake.assistant_stages.steps()))
    assistants = {one.version: one.assistant for one in lake.assistant_stages.steps()}
    return {
        assistants[version]: version for version, stage in stage_of.items() if stage == "production"
    }


def stage_of(lake: Lakehouse, version: str) -> str:
    """Where a version stands; dev before any step."""
    return stages.standing(_steps(lake.assistant_stages.steps())).get(version, "dev")


def _steps(steps: Iterable[StageStep]) -> list[stages.Step]:
    return [stages.Step(one.version, one.assistant, one.stage) for one in steps]

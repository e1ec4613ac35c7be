"""Where adapters stand, told from their steps alone.

Steps go candidate -> staging -> production, one at a time. Who takes another's place in production
archives it; a rollback sends the one in production back to staging and takes the archived one
before it. `retrain` is no stage but a mark that never goes: data it was trained on was erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from almanac.core import stages
from lakehouse import Lakehouse
from lakehouse.training import Adapter
from schemas.settings import Settings

Stage = Literal["candidate", "staging", "production", "refused", "rejected", "archived"]
NEXT: dict[str, str] = {"candidate": "staging", "staging": "production"}
OPEN = ("candidate", "refused")  # of the gate's making: it may judge again
RETRAIN = "retrain"


@dataclass(frozen=True, slots=True)
class Standing:
    """One adapter: its newest step, its stage, and whether it must be trained again."""

    adapter: Adapter
    stage: str
    retrain: bool

    @property
    def name(self) -> str:
        """The name that it is served by once it is in production."""
        return str(self.adapter.record.get("name", ""))

    @property
    def short(self) -> str:
        """The beginning of its id, as people write it."""
        return self.adapter.adapter_id[:12]

    @property
    def served_as(self) -> str:
        """The name to ask for: the stage's own in production and staging, else with the id."""
        names = {"production": self.name, "staging": f"{self.name}-staging"}
        return names.get(self.stage, f"{self.name}-{self.short}")


def name_of(settings: Settings) -> str:
    """The name that adapters of the configured index are served by."""
    return f"almanac-{settings.index.name}"


def standings(steps: Iterable[Adapter]) -> list[Standing]:
    """Every adapter as it stands, newest step first.

    Args:
        steps: all steps ever taken, in any order.
    """
    found: dict[str, Standing] = {}
    for step in sorted(steps, key=lambda one: one.ordinal):
        before = found.get(step.adapter_id)
        marked = step.status == RETRAIN
        stage = (before.stage if before else "candidate") if marked else step.status
        found[step.adapter_id] = Standing(step, stage, marked or bool(before and before.retrain))
    return sorted(found.values(), key=lambda one: (-one.adapter.ordinal, one.adapter.adapter_id))


def in_stage(found: Iterable[Standing], stage: str, name: str | None = None) -> Standing | None:
    """The newest in a stage, of one name or of any."""
    there = (one for one in found if one.stage == stage and name in (None, one.name))
    return next(there, None)


def current(lake: Lakehouse, stage: str = "production", name: str | None = None) -> Adapter | None:
    """The adapter of a stage (the newest where several are there); None where none is.

    One whose training data was erased is still it, with the status `retrain`: what answers users
    changes by a person's step alone.
    """
    found = in_stage(standings(lake.adapters.steps()), stage, name)
    return found.adapter if found else None


def before_production(steps: Sequence[Adapter], name: str) -> str | None:
    """The id of the adapter that a rollback goes back to; None where it would be the base alone.

    Args:
        steps: all steps ever taken, oldest first.
        name: of the adapters among which production is one.
    """
    taken = (
        stages.Step(one.adapter_id, str(one.record.get("name", "")), one.status)
        for one in steps
        if one.status != RETRAIN
    )
    return stages.before_production(taken, name)

"""Are there enough new model faults to tune again?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lakehouse import Lakehouse
from lakehouse.training import Adapter
from schemas.settings import TuningSettings
from schemas.times import isoformat

# The first step of an adapter that was trained; later ones are moves of it.
_TRAINED = ("candidate", "refused")


@dataclass(frozen=True, slots=True)
class Due:
    """Model faults found since the last tune, and whether they start another."""

    faults: int
    needed: int
    last_tune: datetime | None
    ready: bool
    reason: str


def due(lake: Lakehouse, rules: TuningSettings, now: datetime) -> Due:
    """Judge by the lakehouse alone: what a scheduler forgot or asked for twice changes nothing."""
    last = last_tune(lake.adapters.steps())
    faults = lake.triage.faults_since(last)
    if faults < rules.min_new_faults:
        reason = f"{faults} new model faults of the {rules.min_new_faults} that start a tune"
        return Due(faults, rules.min_new_faults, last, False, reason)
    rest = last and last + timedelta(days=rules.cooldown_days)
    if rest and now < rest:
        reason = f"{faults} new model faults, but the last tune rests until {isoformat(rest)}"
        return Due(faults, rules.min_new_faults, last, False, reason)
    reason = f"{faults} new model faults, {rules.min_new_faults} start a tune"
    return Due(faults, rules.min_new_faults, last, True, reason)


def last_tune(steps: Sequence[Adapter]) -> datetime | None:
    """When the newest adapter was offered or refused, whatever became of it."""
    return max((step.at for step in steps if step.status in _TRAINED and step.at), default=None)

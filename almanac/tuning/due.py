"""Are there enough new model faults to tune again?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from almanac.triage.verdict_cache import standing
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.training import Adapter
from schemas.errors import AlmanacError
from schemas.settings import Settings, TuningSettings
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


def so_far(settings: Settings) -> dict[str, Any] | None:
    """The same as JSON values, with `not_looked_into`: dislikes that may be further faults.

    None where the lakehouse can't say.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    try:
        found = due(lake, settings.tuning, datetime.now(UTC))
        waiting = max(0, lake.opinions.counts().disliked - len(standing(lake)))
    except AlmanacError:
        return None
    last = isoformat(found.last_tune) if found.last_tune else None
    return asdict(found) | {"last_tune": last, "not_looked_into": waiting}


def last_tune(steps: Sequence[Adapter]) -> datetime | None:
    """When the newest adapter was offered or refused, whatever became of it."""
    return max((step.at for step in steps if step.status in _TRAINED and step.at), default=None)

"""What a rollout keeps to from its start to its end, whatever the configuration says later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from schemas.settings import RolloutSettings

Needs = Literal["judge", "votes", "signals"]
# 0.05 in all: the chance that a candidate that is no worse is ever rolled back.
ALPHA = {"signals": 0.01, "judge": 0.02, "votes": 0.02}


@dataclass(frozen=True, slots=True)
class Plan:
    """The schedule and the limits; see `schemas.sections.rollouts` for each of them.

    An A/B test does not promote itself: it has one share and `promotes` is False.
    """

    schedule: tuple[float, ...] = (0.0, 0.05, 0.25, 0.5, 1.0)
    promotes: bool = True
    needs: Needs = "judge"
    min_minutes: float = 60.0
    max_days: float = 14.0
    margin: float = 0.05
    min_pairs: int = 50
    min_step_pairs: int = 20
    min_coverage: float = 0.8
    sample: float = 0.25
    failures_in_a_row: int = 5
    p99_seconds: float | None = None

    @classmethod
    def of(cls, settings: RolloutSettings, has_judge: bool, ab: float | None = None) -> Plan:
        """The plan of a new rollout; `ab` is the share of an A/B test."""
        values = {
            field.name: getattr(settings, field.name)
            for field in fields(cls)
            if field.name not in ("promotes", "needs")
        }
        needs: Needs = (
            ("judge" if has_judge else "votes") if settings.needs == "auto" else (settings.needs)
        )
        if ab is not None:
            values["schedule"] = (ab,)
        return cls(**values, promotes=ab is None, needs=needs)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Plan:
        """A plan from a row; what a later version added is left out."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        if "schedule" in values:
            values["schedule"] = tuple(values["schedule"])
        return cls(**values)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"schedule": list(self.schedule)}

    def after(self, share: float) -> float | None:
        """The next share of the schedule; None after the last."""
        return next((one for one in self.schedule if one > share), None)

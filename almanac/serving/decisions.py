"""What the guards of one answer decided, for its log, its response and the metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.errors import AlmanacError
from schemas.sections.guards import GuardName, GuardSettings

Stage = Literal["question", "passages", "answer"]
_FAILURES = (AlmanacError, ArithmeticError, LookupError, OSError, RuntimeError, ValueError)
_log = logging.getLogger("almanac.serving")


class Stopped(Exception):
    """A guard blocks the whole answer."""


@dataclass(slots=True)
class Decisions:
    """Each decision as plain data, without the texts that it is about; milliseconds by stage."""

    settings: GuardSettings
    made: list[dict[str, Any]] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)

    def add(self, guard: GuardName, action: str, **about: Any) -> None:
        """Record a decision; the same one of a guard once more is counted."""
        for one in self.made:
            if (one["guard"], one["action"]) == (guard, action) and one.get("about") == about:
                one["times"] += 1
                return
        self.made.append({"guard": guard, "action": action, "times": 1, "about": about})

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[None]:
        """Count the time of a stage's guards."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - began) * 1000
            self.milliseconds[stage] = round(self.milliseconds.get(stage, 0.0) + spent, 2)

    @contextmanager
    def failing(self, guard: GuardName) -> Iterator[None]:
        """A guard that fails blocks, or lets pass where its setting says so; both are recorded."""
        try:
            yield
        except Stopped:
            raise
        except (AlmanacError, ArithmeticError, LookupError, OSError, RuntimeError, ValueError) as e:
            is_open = guard in self.settings.fails_open
            _log.warning(
                "guard %s failed and %s: %s", guard, "let pass" if is_open else "blocks", e
            )
            self.add(guard, "failed_open" if is_open else "failed_closed", error=type(e).__name__)
            if not is_open:
                raise Stopped(guard) from None

    def as_json(self) -> dict[str, Any]:
        """For the request's column `guard`."""
        return {"decisions": self.made, "milliseconds": self.milliseconds}

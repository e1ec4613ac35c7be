"""Which model of a version's route answers: by conditions, by failures, by need.

The first whose condition holds is asked. Where it fails before anything was shown, the next whose
condition holds takes its place; one whose circuit is open is passed over as long as another is
left. Where a version says `escalate`, an answer that is empty, ungrounded or failed goes on to the
next model, whatever its condition, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from almanac.assistants.conditions import Facts, holds
from almanac.costs.calls import Call
from almanac.llm.usage import Usage
from almanac.serving.legs import Leg

_DEAREST = Decimal(10**9)
_READ_A_WORD = 4  # tokens of a prompt for each of an answer, to compare what models cost


NO_FACTS = Facts(0, "en", has_tools=False, has_history=False, nearness=lambda _: 0.0)


class Routing:
    """The way of one answer through a route.

    Attributes:
        chosen: the model that was asked last; the first of the route before any was.
        why: it was chosen.
        skipped: models that were passed over, with the reason.
    """

    def __init__(self, legs: Sequence[Leg], facts: Facts, escalates: Sequence[str]) -> None:
        self._legs, self._facts, self._escalates = legs, facts, escalates
        self._asked: list[Leg] = []
        self._has_escalated = False
        self._is_usual = True
        self.skipped: list[dict[str, str]] = []
        self.chosen, self.why = legs[0], ""

    def first(self, is_cheap: bool = False) -> Leg:
        """The model to ask; the cheapest of all where a budget asks for it."""
        if is_cheap:
            self._is_usual = False
            cheapest = min(self._legs, key=_price_of)
            return self._take(cheapest, "a budget is spent: the cheapest model")
        leg = self._next_that_holds()
        assert leg is not None  # the last one has no condition
        return leg

    def after(self, outcome: str, is_cheap: bool = False) -> Leg | None:
        """The model to ask after one whose words were not used; None where none is to be asked.

        Args:
            outcome: failed, stuck, empty or ungrounded.
            is_cheap: a budget is spent.
        """
        before = self.chosen.name
        self._is_usual = self._is_usual and outcome not in ("failed", "stuck")
        if outcome in ("failed", "stuck") and (
            leg := self._next_that_holds(f"{before} {_SAID[outcome]}; ")
        ):
            return leg
        needed = "failed" if outcome == "stuck" else outcome
        if is_cheap or self._has_escalated or needed not in self._escalates:
            return None
        later = self._legs[self._legs.index(self.chosen) + 1 :]
        for leg in later:
            if leg not in self._asked and leg.circuit.lets_through():
                self._has_escalated = True
                return self._take(leg, f"{before} {_SAID[outcome]}: escalated")
        return None

    @property
    def is_usual(self) -> bool:
        """Would the same question take the same way again, as far as can be told?"""
        return self._is_usual

    def as_json(self, calls: Sequence[Call]) -> dict[str, Any]:
        """For the request's column `route`."""
        found: dict[str, Any] = {
            "chosen": self.chosen.name,
            "endpoint": self.chosen.endpoint,
            "model": self.chosen.model,
            "why": self.why,
            "calls": [one.as_json() for one in calls],
        }
        if self.skipped:
            found["skipped"] = self.skipped
        return found

    def _next_that_holds(self, because: str = "") -> Leg | None:
        ready = []
        for leg in self._legs:
            if leg in self._asked:
                continue
            is_so, why = holds(leg.when, self._facts)
            if is_so:
                ready.append((leg, why))
            elif not because:
                self.skipped.append({"name": leg.name, "why": why})
        for at, (leg, why) in enumerate(ready):
            # The last one left is asked even where its circuit is open: there is no other.
            if leg.circuit.lets_through() or at == len(ready) - 1:
                return self._take(leg, because + why)
            self._is_usual = False
            self.skipped.append({"name": leg.name, "why": "its circuit is open"})
        return None

    def _take(self, leg: Leg, why: str) -> Leg:
        self._asked.append(leg)
        self.chosen, self.why = leg, why
        return leg


_SAID = {
    "failed": "failed",
    "stuck": "got stuck",
    "empty": "had no answer",
    "ungrounded": "said what no passage supports",
}


def _price_of(leg: Leg) -> Decimal:
    price = leg.prices.of(leg.endpoint, leg.model, datetime.now(UTC))
    return _DEAREST if price is None else price.of(Usage(_READ_A_WORD, 1))

"""One call of a model: what it took, what it cost, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from almanac.costs.prices import ZERO, Prices, micros, plain
from almanac.llm.usage import NOTHING, Usage
from lakehouse.costs import StoredCall
from schemas.feedback import Request


@dataclass(slots=True)
class Call:
    """One call. `usd` is None where the price is not known.

    `purpose` is answer or rewrite; `outcome` is answered, or why its words were not used: failed,
    cut, empty, ungrounded, stuck.
    """

    name: str
    endpoint: str
    model: str
    purpose: str
    outcome: str = "cut"
    why: str = ""
    usage: Usage = NOTHING
    usd: Decimal | None = None
    milliseconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For the request's column `route`."""
        found: dict[str, Any] = {
            "name": self.name,
            "endpoint": self.endpoint,
            "model": self.model,
            "purpose": self.purpose,
            "outcome": self.outcome,
            "prompt_tokens": self.usage.prompt,
            "completion_tokens": self.usage.completion,
            "cached_tokens": self.usage.cached,
            "counted_by": "almanac" if self.usage.is_estimate else "endpoint",
            "usd": None if self.usd is None else plain(self.usd),
            "milliseconds": self.milliseconds,
        }
        return found | ({"why": self.why} if self.why else {})


def total(calls: Iterable[Call]) -> Decimal | None:
    """What all of them cost; None where the price of one is not known."""
    costs = [one.usd for one in calls]
    known = [one for one in costs if one is not None]
    return sum(known, ZERO) if len(known) == len(costs) else None


def stored(
    prices: Prices,
    spent: Iterable[Usage],
    endpoint: str,
    model: str,
    purpose: str,
    at: datetime,
) -> list[StoredCall]:
    """Calls that belong to no user's request, such as a judge's, as rows."""
    price = prices.of(endpoint, model, at)
    rows = []
    for usage in spent:
        usd = None if price is None else price.of(usage)
        rows.append(
            StoredCall(
                at=at,
                purpose=purpose,
                endpoint=endpoint,
                model=model,
                prompt_tokens=usage.prompt,
                completion_tokens=usage.completion,
                cached_tokens=usage.cached,
                counted_by="almanac" if usage.is_estimate else "endpoint",
                usd=None if usd is None else plain(usd),
                cost_micros=None if usd is None else micros(usd),
            )
        )
    return rows


class Spent:
    """The journal of answers that are logged nowhere: what their calls cost is kept alone.

    Args:
        purpose: gate, rollout or replay.
    """

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._calls: list[StoredCall] = []

    def append_request(self, request: Request) -> None:
        """Keep what it cost."""
        self._calls.extend(_of_request(request, self._purpose))

    def take(self) -> list[StoredCall]:
        """The calls since the last look."""
        taken, self._calls = self._calls, []
        return taken


def _of_request(request: Request, purpose: str) -> list[StoredCall]:
    rows = []
    for one in (request.route or {}).get("calls", ()):
        usd = one["usd"]
        rows.append(
            StoredCall(
                at=request.asked_at,
                purpose=purpose,
                endpoint=one["endpoint"],
                model=one["model"],
                prompt_tokens=one["prompt_tokens"],
                completion_tokens=one["completion_tokens"],
                cached_tokens=one["cached_tokens"],
                counted_by=one["counted_by"],
                usd=usd,
                cost_micros=None if usd is None else micros(Decimal(usd)),
                assistant=request.assistant or "",
            )
        )
    return rows

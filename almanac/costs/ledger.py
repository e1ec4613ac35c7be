"""What was spent, by day, model, user, assistant or route: from each call that was stored.

A call that was stored before its price was known is priced by what is configured now for its date.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from almanac.costs.prices import ZERO, Prices, plain
from almanac.journal import Journal, journal_places
from almanac.journal.records import request_of_text
from almanac.llm.usage import Usage
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.costs import StoredCall
from schemas.settings import Settings
from schemas.times import isoformat

By = Literal["model", "user", "assistant", "route", "purpose", "day"]
BY: tuple[By, ...] = ("model", "user", "assistant", "route", "purpose", "day")


@dataclass(frozen=True, slots=True)
class Entry:
    """One call. `request` and `user` are empty where no user asked; `usd` None: no price is known.

    `budgets` are the names of those that it counts in.
    """

    at: datetime
    model: str
    endpoint: str
    route: str
    purpose: str
    usage: Usage
    usd: Decimal | None
    request: str = ""
    user: str = ""
    assistant: str = ""
    budgets: tuple[str, ...] = ()

    def key(self, by: By) -> str:
        """What it is summed under."""
        found: str = self.at.date().isoformat() if by == "day" else getattr(self, by)
        return found or "(none)"


def cost(
    settings: Settings,
    by: By = "model",
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    """What was spent.

    Args:
        settings: the configuration.
        by: what it is summed under; days are of UTC.
        since: from then on.
        until: before then.

    Returns:
        `rows`, the dearest first (days in their order), each with `key`, `requests`, `calls`,
        tokens, `estimated` (calls whose tokens Almanac counted), `unpriced` (calls of no known
        price, which are not in `usd`), and `usd` as text with all digits; and their `total`.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    sums: dict[str, _Sum] = {}
    total = _Sum()
    unpriced: set[str] = set()
    for entry in entries(settings, lake, since, until):
        sums.setdefault(entry.key(by), _Sum()).add(entry)
        total.add(entry)
        if entry.usd is None:
            unpriced.add(f"{entry.model} of {entry.endpoint}")
    rows = [{"key": key, **one.as_json()} for key, one in sums.items()]
    if by == "day":
        rows.sort(key=lambda row: str(row["key"]))
    else:
        rows.sort(key=lambda row: (-Decimal(str(row["usd"])), str(row["key"])))
    return {
        "by": by,
        "since": isoformat(since) if since else None,
        "until": isoformat(until) if until else None,
        "rows": rows,
        "total": total.as_json(),
        "unpriced": sorted(unpriced),
    }


def entries(
    settings: Settings,
    lake: Lakehouse,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[Entry]:
    """Every call in a span of time: of requests in Delta and in the journal, and of no request."""
    prices = Prices(settings)
    seen: set[str] = set()
    # The journal first: what moves from it to Delta meanwhile is then seen in both, and taken once.
    for row in [*_in_journal(settings, lake, since, until), *lake.costs.requests(since, until)]:
        if row["request_id"] not in seen:
            seen.add(row["request_id"])
            yield from _of_request(row, prices)
    for call in lake.costs.calls(since, until):
        yield _of_call(call, prices)


def _in_journal(
    settings: Settings, lake: Lakehouse, since: datetime | None, until: datetime | None
) -> Iterator[dict[str, Any]]:
    for path in journal_places(lake.location.uri, settings.serving.journal):
        if not path.exists():
            continue
        with closing(Journal(path)) as journal:
            waiting = journal.first("requests", -1)
        for stored in waiting:
            one = request_of_text(stored.record)
            is_early = since is not None and one.asked_at < since
            is_late = until is not None and one.asked_at >= until
            if one.route is not None and not is_early and not is_late:
                names = ("request_id", "asked_at", "user_id", "assistant", "model", "route")
                more = ("prompt_tokens", "completion_tokens")
                yield {name: getattr(one, name) for name in (*names, *more)}


def _of_request(row: Mapping[str, Any], prices: Prices) -> Iterator[Entry]:
    stored = row["route"]
    route: dict[str, Any] = json.loads(stored) if isinstance(stored, str) else dict(stored)
    if "calls" not in route:  # of a server before it had prices
        told = Usage(row["prompt_tokens"] or 0, row["completion_tokens"] or 0)
        was_asked = row["prompt_tokens"] is not None
        chosen = {"name": route.get("chosen", ""), "endpoint": route.get("chosen", "")}
        chosen |= {"model": route.get("model") or row["model"] or "", "purpose": "answer"}
        route["calls"] = [chosen | _told(told)] if was_asked else []
    for call in route["calls"]:
        yield Entry(
            at=row["asked_at"],
            model=call["model"],
            endpoint=call["endpoint"],
            route=call["name"],
            purpose=call["purpose"],
            usage=_usage(call),
            usd=_priced(prices, call, row["asked_at"]),
            request=row["request_id"],
            user=row["user_id"],
            assistant=row["assistant"] or "",
            budgets=tuple(route.get("budgets", ())),
        )


def _told(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "cached_tokens": usage.cached,
        "counted_by": "endpoint",
        "usd": None,
    }


def _of_call(call: StoredCall, prices: Prices) -> Entry:
    told = {name: getattr(call, name) for name in _NAMES}
    return Entry(
        at=call.at,
        model=call.model,
        endpoint=call.endpoint,
        route="",
        purpose=call.purpose,
        usage=_usage(told),
        usd=_priced(prices, told, call.at),
        assistant=call.assistant,
    )


_NAMES = (
    "endpoint",
    "model",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "counted_by",
    "usd",
)


def _usage(call: Mapping[str, Any]) -> Usage:
    return Usage(
        call["prompt_tokens"],
        call["completion_tokens"],
        call["cached_tokens"],
        call["counted_by"] == "almanac",
    )


def _priced(prices: Prices, call: Mapping[str, Any], at: datetime) -> Decimal | None:
    if call["usd"] is not None:
        return Decimal(call["usd"])
    price = prices.of(call["endpoint"], call["model"], at)
    return None if price is None else price.of(_usage(call))


class _Sum:
    """What calls come to."""

    def __init__(self) -> None:
        self._requests: set[str] = set()
        self._calls = self._estimated = self._unpriced = 0
        self._prompt = self._completion = self._cached = 0
        self._usd = ZERO

    def add(self, entry: Entry) -> None:
        """Count a call."""
        if entry.request:
            self._requests.add(entry.request)
        self._calls += 1
        self._estimated += entry.usage.is_estimate
        self._prompt += entry.usage.prompt
        self._completion += entry.usage.completion
        self._cached += entry.usage.cached
        if entry.usd is None:
            self._unpriced += 1
        else:
            self._usd += entry.usd

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "requests": len(self._requests),
            "calls": self._calls,
            "prompt_tokens": self._prompt,
            "completion_tokens": self._completion,
            "cached_tokens": self._cached,
            "estimated": self._estimated,
            "unpriced": self._unpriced,
            "usd": plain(self._usd),
        }

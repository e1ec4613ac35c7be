"""Budgets: what an answer may cost is reserved before it, what it did cost is settled after it.

An answer is let in while what was spent and what is reserved are together below the limit, so that
however many come at a time, a budget is exceeded by one reservation at most.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil
from threading import Lock
from typing import Any

from almanac.costs.ledger import Entry, entries
from almanac.costs.prices import ZERO, plain
from almanac.costs.windows import window
from lakehouse import Lakehouse
from schemas.errors import AlmanacError
from schemas.settings import BudgetSettings, Settings

Key = tuple[str, str]  # the budget's name; whose it is, empty where all share it


class BudgetSpent(AlmanacError):
    """A budget that blocks is spent. `retry_after`: seconds until its window ends."""

    def __init__(self, message: str, name: str, retry_after: int) -> None:
        super().__init__(message)
        self.name, self.retry_after = name, retry_after


@dataclass(frozen=True, slots=True)
class Amount:
    """US dollars and tokens."""

    usd: Decimal = ZERO
    tokens: int = 0

    def plus(self, other: Amount) -> Amount:
        """The sum."""
        return Amount(self.usd + other.usd, self.tokens + other.tokens)

    def less(self, other: Amount) -> Amount:
        """The difference, not below 0."""
        return Amount(max(ZERO, self.usd - other.usd), max(0, self.tokens - other.tokens))


@dataclass(slots=True)
class _Counter:
    """Of one budget and window: what was spent, and what is reserved by answers under way."""

    end: datetime
    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)


@dataclass(slots=True)
class Reservation:
    """What an answer may cost. `budgets` are those that it counts in, `warned` those of them that
    were spent and let it pass; `is_cheap`: one of these asks for the cheapest model.
    """

    keys: tuple[Key, ...] = ()
    amount: Amount = field(default_factory=Amount)
    warned: tuple[str, ...] = ()
    is_cheap: bool = False

    @property
    def budgets(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(name for name, _ in self.keys)


class Budgets:
    """The budgets of a configuration, counted by one server from what was stored when it began."""

    def __init__(self, settings: Settings, lake: Lakehouse | None = None) -> None:
        self._rules, self._zone = settings.budgets, settings.time_zone
        self._counters: dict[Key, _Counter] = {}
        self._lock = Lock()
        self.exceeded: dict[tuple[str, str], int] = {}  # times, by budget and what came of it
        if self._rules and lake is not None:
            now = datetime.now(UTC)
            begins = min(window(one.window, now, self._zone)[0] for one in self._rules.values())
            for entry in entries(settings, lake, begins):
                self._add(entry)

    def reserve(
        self, user: str, groups: Collection[str], assistant: str, most: Amount
    ) -> Reservation:
        """Let an answer in.

        Args:
            user: who asks.
            groups: theirs.
            assistant: its name.
            most: what it may cost.

        Raises:
            BudgetSpent: a budget that blocks is spent.
        """
        now = datetime.now(UTC)
        keys = tuple(
            (name, user if one.each_user else "")
            for name, one in self._rules.items()
            if _meets(one, user, groups, assistant)
        )
        with self._lock:
            spent = [key for key in keys if self._is_spent(key, now)]
            for key in spent:
                at = (key[0], self._rules[key[0]].on_exceed)
                self.exceeded[at] = self.exceeded.get(at, 0) + 1
            for key in spent:
                if self._rules[key[0]].on_exceed == "block":
                    raise self._refusal(key, now)
            for key in keys:
                counter = self._counter(key, now)
                counter.reserved = counter.reserved.plus(most)
        is_cheap = any(self._rules[name].on_exceed == "cheap" for name, _ in spent)
        return Reservation(keys, most, tuple(name for name, _ in spent), is_cheap)

    def release(self, reservation: Reservation) -> None:
        """An answer has ended, and what it cost is settled; the second time does nothing."""
        with self._lock:
            keys, reservation.keys = reservation.keys, ()
            for key in keys:
                if counter := self._counters.get(key):
                    counter.reserved = counter.reserved.less(reservation.amount)

    def settle(self, budgets: Iterable[str], user: str, amount: Amount) -> None:
        """Count what a logged request cost in the budgets that it names."""
        now = datetime.now(UTC)
        with self._lock:
            for name in budgets:
                if rules := self._rules.get(name):
                    counter = self._counter((name, user if rules.each_user else ""), now)
                    counter.spent = counter.spent.plus(amount)

    def used(self) -> list[dict[str, Any]]:
        """Each budget with what was spent of it, the fullest of several users' first."""
        now = datetime.now(UTC)
        with self._lock:
            for name, rules in self._rules.items():
                if not rules.each_user:
                    self._counter((name, ""), now)
            counters = [(key, self._counter(key, now)) for key in list(self._counters)]
        rows = [self._row(key, counter) for key, counter in counters]
        return sorted(rows, key=lambda row: -float(row["share"]))

    def _row(self, key: Key, counter: _Counter) -> dict[str, Any]:
        rules = self._rules[key[0]]
        limit = Decimal(rules.tokens or 0) if rules.usd is None else rules.usd
        spent = Decimal(counter.spent.tokens) if rules.usd is None else counter.spent.usd
        return {
            "budget": key[0],
            "user": key[1] or None,
            "unit": "tokens" if rules.usd is None else "usd",
            "limit": plain(limit),
            "spent": plain(spent),
            "share": round(float(spent / limit), 4),
            "window": rules.window,
            "on_exceed": rules.on_exceed,
            "ends": counter.end.isoformat(),
        }

    def _add(self, entry: Entry) -> None:
        """Count a stored call in the budgets that it named, and those that it meets by itself."""
        for name, rules in self._rules.items():
            meets = not rules.groups and _meets(rules, entry.user, (), entry.assistant)
            if not entry.request or not (name in entry.budgets or meets):
                continue
            start, end = window(rules.window, datetime.now(UTC), self._zone)
            if start <= entry.at < end:
                used = entry.usage.prompt + entry.usage.completion
                amount = Amount(entry.usd or ZERO, used)
                self.settle([name], entry.user, amount)

    def _is_spent(self, key: Key, now: datetime) -> bool:
        rules, counter = self._rules[key[0]], self._counter(key, now)
        taken = counter.spent.plus(counter.reserved)
        if rules.usd is not None:
            return taken.usd >= rules.usd
        return taken.tokens >= (rules.tokens or 0)

    def _refusal(self, key: Key, now: datetime) -> BudgetSpent:
        name, rules = key[0], self._rules[key[0]]
        end = self._counter(key, now).end
        limit = f"${plain(rules.usd)}" if rules.usd is not None else f"{rules.tokens:,} tokens"
        whose = "yours" if rules.each_user else "it"
        again = end.strftime("%Y-%m-%d %H:%M UTC")
        return BudgetSpent(
            f"the budget {name} of {limit} a {rules.window} is spent: {whose} begins anew at "
            f"{again}; who runs this server can raise [budgets.{name}]",
            name,
            max(1, ceil((end - now).total_seconds())),
        )

    def _counter(self, key: Key, now: datetime) -> _Counter:
        """Of the present window; what is reserved goes on in the next one."""
        counter = self._counters.get(key)
        if counter is None or now >= counter.end:
            end = window(self._rules[key[0]].window, now, self._zone)[1]
            reserved = counter.reserved if counter else Amount()
            counter = self._counters[key] = _Counter(end, Amount(), reserved)
        return counter


def _meets(rules: BudgetSettings, user: str, groups: Collection[str], assistant: str) -> bool:
    return (
        (not rules.users or user in rules.users)
        and (not rules.groups or not set(rules.groups).isdisjoint(groups))
        and (not rules.assistants or assistant in rules.assistants)
    )

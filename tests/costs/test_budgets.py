"""Budgets: reserved before, settled after, by user, group and assistant, in windows of time."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from almanac.costs.budgets import Amount, Budgets, BudgetSpent
from almanac.costs.windows import Kind, window
from schemas.settings import Settings

CENT = Amount(Decimal("0.01"), 100)


def budgets(**rules: dict[str, Any]) -> Budgets:
    return Budgets(Settings.model_validate({"budgets": rules}))


def test_however_many_come_at_a_time_one_reservation_is_too_much_at_most() -> None:
    found = budgets(all={"usd": "0.105"})
    held = []
    with pytest.raises(BudgetSpent, match=r"the budget all of \$0.105 a day is spent"):
        for _ in range(100):
            held.append(found.reserve("ann", (), "a", CENT))
    assert len(held) == 11
    for one in held:  # each costs all that was reserved for it
        found.settle(one.budgets, "ann", CENT)
        found.release(one)
        found.release(one)
    (row,) = found.used()
    assert (row["spent"], row["limit"]) == ("0.11", "0.105")
    with pytest.raises(BudgetSpent) as refused:
        found.reserve("bob", (), "b", CENT)
    assert 0 < refused.value.retry_after <= 86_400


def test_what_is_reserved_and_not_spent_is_free_again() -> None:
    found = budgets(all={"tokens": 100})
    held = found.reserve("ann", (), "a", CENT)
    with pytest.raises(BudgetSpent, match="of 100 tokens a day"):
        found.reserve("ann", (), "a", CENT)
    found.settle(held.budgets, "ann", Amount(tokens=10))
    found.release(held)
    assert found.reserve("ann", (), "a", CENT).warned == ()
    assert [row["spent"] for row in found.used()] == ["10"]


def test_a_budget_counts_whom_it_names() -> None:
    found = budgets(
        each={"usd": 1, "each_user": True, "on_exceed": "warn"},
        hr={"usd": 1, "groups": ["hr"], "assistants": ["a"], "on_exceed": "cheap"},
        bob={"usd": 1, "users": ["bob"]},
    )
    assert found.reserve("ann", ["hr"], "a", CENT).budgets == ("each", "hr")
    assert found.reserve("ann", ["hr"], "b", CENT).budgets == ("each",)
    assert found.reserve("bob", [], "a", CENT).budgets == ("each", "bob")
    found.settle(["each", "hr"], "ann", Amount(Decimal(2)))
    ann = found.reserve("ann", ["hr"], "a", CENT)
    assert (ann.warned, ann.is_cheap) == (("each", "hr"), True)
    assert found.reserve("bob", [], "a", CENT).warned == ()
    assert found.exceeded == {("each", "warn"): 1, ("hr", "cheap"): 1}


@pytest.mark.parametrize(
    ("kind", "start", "end"),
    [
        ("day", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours: the clock goes forward
        ("week", "2026-03-22T23:00", "2026-03-29T22:00"),
        ("month", "2026-02-28T23:00", "2026-03-31T22:00"),
    ],
)
def test_windows_are_of_the_calendar(kind: Kind, start: str, end: str) -> None:
    noon = datetime(2026, 3, 29, 12, tzinfo=UTC)
    found = window(kind, noon, "Europe/Berlin")
    assert [one.strftime("%Y-%m-%dT%H:%M") for one in found] == [start, end]

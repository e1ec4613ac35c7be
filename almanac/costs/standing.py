"""What was spent today and this month, and how full budgets are: for the status and its alarms."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from almanac.costs.budgets import Budgets
from almanac.costs.ledger import entries
from almanac.costs.prices import ZERO, plain
from almanac.costs.windows import window
from lakehouse import Lakehouse
from schemas.settings import Settings


def standing(settings: Settings, lake: Lakehouse, now: datetime) -> dict[str, Any]:
    """US dollars of the day and of the month in `time_zone`, models of no known price, budgets.

    `budgets` is as `Budgets.used` has it, from what is stored.
    """
    day = window("day", now, settings.time_zone)[0]
    month = window("month", now, settings.time_zone)[0]
    spent: dict[str, Decimal] = {"today": ZERO, "month": ZERO}
    unpriced: set[str] = set()
    for one in entries(settings, lake, month):
        if one.usd is None:
            unpriced.add(f"{one.model} of {one.endpoint}")
            continue
        spent["month"] += one.usd
        if one.at >= day:
            spent["today"] += one.usd
    return {
        "usd_today": plain(spent["today"]),
        "usd_month": plain(spent["month"]),
        "unpriced": sorted(unpriced),
        "budgets": Budgets(settings, lake).used(),
    }

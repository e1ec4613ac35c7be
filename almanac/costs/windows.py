"""Windows of a budget: days, weeks and months of the calendar in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Kind = Literal["day", "week", "month"]


def window(kind: Kind, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Beginning and end, in UTC, of the window that a moment is in."""
    there = ZoneInfo(zone)
    today = now.astimezone(there).date()
    if kind == "day":
        first, after = today, today + timedelta(days=1)
    elif kind == "week":
        first = today - timedelta(days=today.weekday())
        after = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        after = (first + timedelta(days=32)).replace(day=1)
    start, end = (datetime.combine(day, time(), there).astimezone(UTC) for day in (first, after))
    return start, end

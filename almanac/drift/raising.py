"""Which events a look raises: one of a kind in its cool-down, unless that kind was mended since.

Decided by the rows that earlier watches left in `runs`: a scheduler that forgot, was rebuilt or
asks twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from almanac.drift.measures import Seen
from lakehouse import Lakehouse
from schemas.settings import DriftSettings
from schemas.times import isoformat

PURPOSE = "watch"
# One quiet look may be chance, where a figure stands at its limit.
_MENDED = 2


@dataclass(frozen=True, slots=True)
class Raising:
    """Kinds whose event is raised now, and until when the others of those that moved rest.

    `later`: the time of a watch that looked at what came after, so that nothing is raised.
    """

    raised: tuple[str, ...]
    resting: Mapping[str, str]
    later: str = ""


def earlier_looks(
    lake: Lakehouse, index: str, at: datetime, rules: DriftSettings
) -> list[dict[str, Any]]:
    """Reports of watches up to `at`, newest first, as far back as any cool-down reaches."""
    days = max(_cooldown(rules, kind) for kind in ("documents", "questions", "answers"))
    return lake.runs.reports_of(PURPOSE, index, at - timedelta(days=days), at)


def later_look(lake: Lakehouse, index: str, at: datetime) -> str:
    """The time of the last watch that looked at what came after `at`; empty where none did."""
    latest = lake.runs.latest_after(PURPOSE, index, at)
    return isoformat(latest) if latest else ""


def decide(
    seen: Sequence[Seen],
    at: datetime,
    earlier: Sequence[Mapping[str, Any]],
    rules: DriftSettings,
    later: str = "",
) -> Raising:
    """Raise each kind that moved, but for one that was raised less than its cool-down ago.

    A kind that was quiet at two looks after each other since then was mended, and is raised. Where
    a `later` watch has looked already, as when a worker that was away runs what is late in any
    order, nothing is: what it saw is newer, and a cool-down counts from there.
    """
    if later:
        return Raising((), {}, later)
    raised, resting = [], {}
    for one in seen:
        if one.state != "drift":
            continue
        last = _unmended(one.kind, earlier)
        rest = last and last + timedelta(days=_cooldown(rules, one.kind))
        if rest and at < rest:
            resting[one.kind] = isoformat(rest)
        else:
            raised.append(one.kind)
    return Raising(tuple(raised), resting)


def _unmended(kind: str, earlier: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When the kind was last raised; None where it never was, or was quiet twice since."""
    quiet = 0
    for look in earlier:
        if kind in look["raised"]:
            return datetime.fromisoformat(look["as_of"])
        state = look["kinds"][kind]["state"]
        quiet = quiet + 1 if state == "quiet" else 0 if state == "drift" else quiet
        if quiet == _MENDED:
            return None
    return None


def _cooldown(rules: DriftSettings, kind: str) -> float:
    return float(getattr(rules, kind).cooldown_days)

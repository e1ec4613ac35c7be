"""Did answers get worse? Dislikes, and what triage found to be behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from almanac.drift.blocks import Blocks, Numbers, compare
from almanac.drift.measures import Measure, Seen, measure, unknown
from almanac.drift.requests import blocks_of, too_few
from lakehouse import Lakehouse
from lakehouse.request_slots import SlottedRequest
from schemas.feedback import opinions
from schemas.settings import DriftSettings

_LOOKED_INTO = 0.95  # of the dislikes of either side, before causes are compared
_CAUSES = {"model_faults": "model_fault", "retrieval_misses": "retrieval_missed"}


def look_at_answers(lake: Lakehouse, end: datetime, rules: DriftSettings) -> Seen:
    """Hold the voted requests of the window up to `end` against those of the reference.

    Votes that came after `end` do not count; verdicts of triage do as they stand now.
    """
    asked = lake.request_slots.voted(end, rules)
    votes = lake.votes.rows([one.request_id for one in asked]) if asked else []
    found = opinions(vote for vote in votes if vote.rated_at <= end)
    disliked = {name for name, one in found.items() if one.rating < 0}
    verdicts = lake.triage.current() if disliked else {}
    causes: dict[str, str] = {
        name: verdicts[name].cause if name in verdicts else "" for name in disliked
    }
    return judge_answers(asked, causes, rules)


def judge_answers(
    asked: Sequence[SlottedRequest], causes: Mapping[str, str], rules: DriftSettings
) -> Seen:
    """The measures of voted requests; `causes` has those that are disliked, empty if not triaged.

    Each is the rise of a share of all voted requests. Of the causes nothing is said where triage
    did not look into nearly all dislikes of both sides.
    """
    window = np.array([one.slot == 0 for one in asked], bool)
    sides = int(window.sum()), int((~window).sum())
    limits = rules.answers
    if reason := too_few(asked, limits.minimum, "voted requests"):
        return unknown("answers", reason, *sides)
    blocks = blocks_of(asked)
    said = [causes.get(one.request_id) for one in asked]
    disliked = np.array([cause is not None for cause in said], np.float64)
    measures = [_rise("dislikes", blocks, disliked, window, limits.dislikes, rules)]
    looked_into = np.array([bool(cause) for cause in said])
    if all(_enough(disliked[side], looked_into[side]) for side in (window, ~window)):
        for name, cause in _CAUSES.items():
            held = np.array([one == cause for one in said], np.float64)
            measures.append(_rise(name, blocks, held, window, getattr(limits, name), rules))
    drawn = {"weeks": _weeks(asked, disliked)}
    return Seen("answers", "quiet", "", *sides, tuple(measures), drawn)


def _rise(
    name: str, blocks: Blocks, held: Numbers, window: Any, limit: float, rules: DriftSettings
) -> Measure:
    found = compare(blocks, "more", held[:, None], rules.resamples, rules.seed)
    return measure(name, found, limit, float(held[window].mean()), float(held[~window].mean()))


def _enough(disliked: Numbers, looked_into: Any) -> bool:
    return bool(looked_into.sum() >= _LOOKED_INTO * disliked.sum())


def _weeks(asked: Sequence[SlottedRequest], disliked: Numbers) -> list[dict[str, Any]]:
    """The share of dislikes of each slot with its 95 % interval, oldest first.

    Wilson's interval (1927), as `scipy.stats.binomtest` gives it; for a person's eye: it takes
    requests for independent, which the test does not.
    """
    from scipy.stats import binomtest

    rows = []
    for slot in sorted({one.slot for one in asked}, reverse=True):
        held = [disliked[at] for at, one in enumerate(asked) if one.slot == slot]
        found = binomtest(int(sum(held)), len(held))
        low, high = found.proportion_ci(method="wilson")
        rows.append(
            {
                "slot": slot,
                "requests": len(held),
                "share": float(found.statistic),
                "low": float(low),
                "high": float(high),
            }
        )
    return rows

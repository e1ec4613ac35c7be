"""What ends a rollout at once, without statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from almanac.rollouts.plan import Plan

_WINDOW = timedelta(minutes=5)
_WINDOWS = 3  # in a row that are too slow
_FEWEST = 20  # answers in a window, below which its slowest hundredth says nothing


@dataclass(frozen=True, slots=True)
class CandidateAnswer:
    """One answer of the candidate, to a user or in the background."""

    at: datetime
    failed: bool
    seconds: float | None


def tripped(answers: Sequence[CandidateAnswer], plan: Plan, began: datetime) -> str:
    """Why the rollout must end now; empty where nothing says so.

    Args:
        answers: of the candidate since the rollout began, in order of time.
        plan: its limits.
        began: when it began; windows of five minutes count from there.
    """
    row = 0
    for answer in answers:
        row = row + 1 if answer.failed else 0
        if row >= plan.failures_in_a_row:
            return f"{row} answers of the candidate failed in a row"
    if plan.p99_seconds is None:
        return ""
    slow, previous = 0, -1
    for window, some in groupby(answers, key=lambda one: (one.at - began) // _WINDOW):
        seconds = sorted(one.seconds for one in some if one.seconds is not None)
        if len(seconds) < _FEWEST:
            continue
        p99 = seconds[math.ceil(len(seconds) * 0.99) - 1]
        is_next = window == previous + 1
        slow = (slow + 1 if is_next else 1) if p99 > plan.p99_seconds else 0
        previous = window
        if slow >= _WINDOWS:
            return (
                f"the slowest hundredth of the candidate's answers took {p99:.1f} seconds, more "
                f"than {plan.p99_seconds:g}, in {slow} windows of five minutes in a row"
            )
    return ""

"""What the judgements say: a mean with its interval and coverage, or that it is unknown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_Z = 1.959964  # of a two-sided interval of 95 %
_FEWEST = 20  # of liked and of disliked answers, before the judge is corrected by them


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure over the answers that were drawn: how many, how many of them judged, the mean.

    `mean`, `low` and `high` (95 %) are None where too few were judged: then it is unknown.
    """

    asked: int
    judged: int
    coverage: float
    mean: float | None
    low: float | None
    high: float | None


def figure(scores: Sequence[float | None], min_coverage: float) -> Figure:
    """Of the scores of the answers drawn, None for those that are not judged.

    What is not judged is left out of the mean, and never counts as 0.
    """
    judged = [one for one in scores if one is not None]
    coverage = len(judged) / len(scores) if scores else 0.0
    if len(judged) < 2 or coverage <= min_coverage:
        return Figure(len(scores), len(judged), round(coverage, 4), None, None, None)
    mean = sum(judged) / len(judged)
    spread = sum((one - mean) ** 2 for one in judged) / (len(judged) - 1)
    # Like Wilson's, so that an interval of equal scores is not of no width.
    half = _Z * math.sqrt(spread / len(judged)) + _Z**2 / (2 * (len(judged) + _Z**2))
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    rounded = (round(one, 4) for one in (coverage, mean, low, high))
    return Figure(len(scores), len(judged), *rounded)


def corrected(
    good: Sequence[bool], liked: Iterable[bool], disliked: Iterable[bool]
) -> dict[str, Any] | None:
    """The share of good answers by what people said of the judge (Rogan and Gladen, 1978).

    Args:
        good: whether the judge found each answer drawn good.
        liked: the same of answers that people liked: its sensitivity.
        disliked: and of those that they disliked: its specificity.

    Returns:
        None where too few are judged, or the judge tells no more than a coin.
    """
    likes, dislikes = list(liked), list(disliked)
    if not good or min(len(likes), len(dislikes)) < _FEWEST:
        return None
    rate = sum(good) / len(good)
    sensitivity = sum(likes) / len(likes)
    specificity = 1 - sum(dislikes) / len(dislikes)
    gain = sensitivity + specificity - 1
    if gain <= 0.05:
        return None
    share = (rate + specificity - 1) / gain
    spread = (
        _variance(rate, len(good))
        + share**2 * _variance(sensitivity, len(likes))
        + (1 - share) ** 2 * _variance(specificity, len(dislikes))
    )
    half = _Z * math.sqrt(spread) / gain
    return {
        "good": round(rate, 4),
        "sensitivity": round(sensitivity, 4),
        "specificity": round(specificity, 4),
        "corrected": round(min(1.0, max(0.0, share)), 4),
        "low": round(min(1.0, max(0.0, share - half)), 4),
        "high": round(max(0.0, min(1.0, share + half)), 4),
    }


def _variance(rate: float, count: int) -> float:
    """Of a share, with two of each kind added: none is known for certain (Agresti and Coull)."""
    near = (rate * count + 2) / (count + 4)
    return near * (1 - near) / (count + 4)


def plain(found: Mapping[str, Figure]) -> dict[str, dict[str, Any]]:
    """Figures as JSON values; `unknown` says itself why there is no mean."""
    return {name: asdict(one) | {"unknown": one.mean is None} for name, one in found.items()}

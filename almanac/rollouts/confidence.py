"""Intervals that may be looked at as often as one likes: asymptotic confidence sequences.

Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
confidence sequences", Annals of Statistics 52(6), 2024. With probability 1 - alpha the true value
is in *every* interval of the sequence, so a rollout that looks each five minutes errs no more often
than one that looks once. An interval of one look (a z test) does not have this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# The intervals are narrowest at about this much evidence: 200 pairs whose difference has the
# variance 0.2, which is what one answer in five that differs gives.
TUNED_PAIRS = 200
TUNED_VARIANCE = 0.2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds, each between -1 and 1; `n` says how much it rests on.

    Differences are candidate minus current, so that less than 0 means that the candidate is worse.
    """

    n: int
    estimate: float
    lower: float
    upper: float


UNKNOWN = Interval(0, 0.0, -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Rates:
    """One stretch of a rollout at one share: how many of each arm were good, of how many."""

    candidate: int = 0
    candidate_good: int = 0
    current: int = 0
    current_good: int = 0


def rho_squared(alpha: float, variance_sum: float = TUNED_PAIRS * TUNED_VARIANCE) -> float:
    """The parameter that makes the interval narrowest where the variances add up to this.

    The paper's approximation (appendix B.2): (-2 ln alpha + ln(-2 ln alpha + 1)) / variance_sum.
    """
    evidence = -2.0 * math.log(alpha)
    return (evidence + math.log(evidence + 1.0)) / variance_sum


def radius(weight: float, variance_sum: float, alpha: float) -> float:
    """Half the width of the interval of a weighted mean (the paper's Proposition 2.5).

    For n observations of variance v: weight n, variance_sum n·v, and the radius is
    sqrt((n·v·rho² + 1) / (n²·rho²) · ln((n·v·rho² + 1) / alpha²)). It stays above 0 for a variance
    of 0: a hundred ties do not prove that two versions are equal.
    """
    rho2 = rho_squared(alpha)
    mixed = variance_sum * rho2 + 1.0
    return math.sqrt(mixed / rho2 * math.log(mixed / (alpha * alpha))) / weight


def paired(n: int, total: float, squares: float, alpha: float) -> Interval:
    """The mean of n paired differences in {-1, 0, 1}, from their sum and their sum of squares."""
    if n < 1:
        return UNKNOWN
    mean = total / n
    variance_sum = max(squares - n * mean * mean, 0.0)
    return _interval(n, mean, radius(n, variance_sum, alpha))


def difference_of_rates(strata: Sequence[Rates], alpha: float) -> Interval:
    """The difference of two unpaired rates, over stretches at different shares.

    Mantel and Haenszel's weighted difference: arms are compared within a stretch alone, so a bad
    day at 5 % of users is not held against the candidate because most of its users came later.
    A stretch in which one arm had nobody says nothing. Its `n` is that of the smaller arm.
    """
    weight = weighted = variance_sum = 0.0
    candidate = current = 0
    for one in strata:
        if not one.candidate or not one.current:
            continue
        share = one.candidate * one.current / (one.candidate + one.current)
        good, before = one.candidate_good / one.candidate, one.current_good / one.current
        spread = good * (1 - good) / one.candidate + before * (1 - before) / one.current
        weight += share
        weighted += share * (good - before)
        variance_sum += share * share * spread
        candidate += one.candidate
        current += one.current
    if not weight:
        return UNKNOWN
    return _interval(
        min(candidate, current), weighted / weight, radius(weight, variance_sum, alpha)
    )


def _interval(n: int, mean: float, half: float) -> Interval:
    return Interval(n, mean, max(mean - half, -1.0), min(mean + half, 1.0))

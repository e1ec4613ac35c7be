"""The paired bootstrap: how sure is the mean difference of two answers to the same questions?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
_DRAWN_AT_ONCE = 1_000_000  # differences in memory


def interval(
    differences: NDArray[np.float64], resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of `differences`, one a question, shape (n,), n > 0.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13; Koehn, "Statistical
    Significance Tests for Machine Translation Evaluation" (EMNLP 2004); for retrieval Sakai,
    "Evaluating Evaluation Metrics based on the Bootstrap" (SIGIR 2006).

    The same differences give the same interval, in whatever order.
    """
    # Sorted, so that what is drawn does not depend on the order of the questions.
    means = _resampled(np.sort(differences), resamples, np.random.default_rng(seed))
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def interval_of_changes(
    gained: int, lost: int, questions: int, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """The same where each difference is 1 (`gained`), -1 (`lost`) or 0: draws are of counts."""
    shares = [gained / questions, lost / questions, (questions - gained - lost) / questions]
    drawn = np.random.default_rng(seed).multinomial(questions, shares, resamples)
    low, high = np.percentile((drawn[:, 0] - drawn[:, 1]) / questions, [2.5, 97.5])
    return float(low), float(high)


def _resampled(
    differences: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Means of `resamples` draws with replacement, a block of them at a time."""
    at_once = max(1, _DRAWN_AT_ONCE // differences.size)
    means = np.empty(resamples)
    for start in range(0, resamples, at_once):
        part = means[start : start + at_once]
        drawn = rng.integers(0, differences.size, (part.size, differences.size))
        part[:] = differences[drawn].mean(axis=1)
    return means

"""Permutation tests over blocks: how far did a window move from its reference, and by chance?

Users ask in bursts, repeat themselves and keep to their subjects and their days of the week, so
questions are no independent sample, and a test that takes them for one rings in quiet weeks. What
changes places here are whole blocks: all that a user asked in a week (`almanac.drift.requests`), or
the old and the new state of a document with each other (`almanac.drift.documents`). As many blocks
as the window has stand in it in every permutation, so that a week with few users is compared with
what so few give by chance. Permutation of the units that are exchangeable: Good, "Permutation,
Parametric and Bootstrap Tests of Hypotheses" (3rd ed., 2005), chapters 3 and 5. The p-value of
random permutations is (b + 1) / (m + 1): Phipson and Smyth, "Permutation P-values should never be
zero" (2010), as SciPy's `permutation_test` computes it.

Statistics with distances are never 0 between two samples of the same kind, so an effect is what was
observed less the mean over the permutations: what is left beyond chance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Kind = Literal["energy", "share", "less", "more", "other"]
# Of weights of shape (permutations, blocks) of the window and of the reference: one value a row.
Statistic = Callable[[Numbers, Numbers], Numbers]

_AT_ONCE = 250  # permutations, or vectors to measure from, in memory
# Where a few permutations say that nothing is there, more of them would only say so more exactly:
# Besag and Clifford, "Sequential Monte Carlo p-values" (1991).
_FIRST = 199
_HOPEFUL = 0.1
_STEPS = 200  # of a distribution of values, at most
_DIGITS = 12  # sums of the same terms in another order are equal to these


@dataclass(frozen=True, slots=True)
class Blocks:
    """Which items belong together, and which of them may take each other's place.

    window, reference: the numbers of the blocks of each side; a block may have no item.
    paired: the two at the same place change places; else any of them.
    of: the block of each item, shape (items,).
    weights: what an item stands for, shape (items,).
    both: block 0 stands in the window and in the reference alike, whatever is exchanged.
    """

    window: NDArray[np.int64]
    reference: NDArray[np.int64]
    of: NDArray[np.int64]
    weights: Numbers
    paired: bool = False
    both: bool = False

    @property
    def count(self) -> int:
        """How many blocks there are."""
        return int(max(side.max(initial=0) for side in (self.of, self.window, self.reference))) + 1

    def sums(self, columns: Numbers) -> Numbers:
        """Weighted sums by block of columns of shape (items, n): shape (blocks, n)."""
        from scipy.sparse import csr_array

        places = (self.of, np.arange(len(self.of)))
        table = csr_array((self.weights, places), shape=(self.count, len(self.of)))
        return np.asarray(table @ columns)


@dataclass(frozen=True, slots=True)
class Tested:
    """How much was seen beyond chance, and how often chance alone gives as much."""

    effect: float
    p: float


def compare(blocks: Blocks, kind: Kind, values: Numbers, resamples: int, seed: int) -> Tested:
    """Hold the window against the reference. The same input gives the same figures.

    Args:
        kind: energy: the distance between vectors, `values` of shape (items, dimension).
            other, less: the greatest difference between two distributions of numbers, in either
            direction or towards smaller ones in the window, shape (items, 1).
            share: half the summed difference of shares, of (items, labels) that are 0 or 1.
            more: the difference of two means, upwards, shape (items, 1).
    """
    statistic = _energy(blocks, values) if kind == "energy" else _table(blocks, kind, values)

    def of(window: NDArray[np.int64], reference: NDArray[np.int64], axis: int = -1) -> Numbers:
        found = np.round(statistic(*(_side(blocks, one) for one in (window, reference))), _DIGITS)
        return found if window.ndim > 1 else found[0]

    found = _permuted(blocks, of, _FIRST, seed)
    if found.pvalue <= _HOPEFUL:
        found = _permuted(blocks, of, resamples, seed)
    beyond = max(0.0, float(found.statistic) - float(np.mean(found.null_distribution)))
    return Tested(float(np.sqrt(beyond)) if kind == "energy" else beyond, float(found.pvalue))


def _permuted(blocks: Blocks, statistic: Callable[..., Numbers], resamples: int, seed: int) -> Any:
    from scipy.stats import permutation_test

    return permutation_test(
        (blocks.window, blocks.reference),
        statistic,
        permutation_type="samples" if blocks.paired else "independent",
        vectorized=True,
        n_resamples=resamples,
        batch=_AT_ONCE,
        alternative="greater",
        axis=-1,
        rng=np.random.default_rng(seed),
    )


def _side(blocks: Blocks, chosen: NDArray[np.int64]) -> Numbers:
    """Which blocks stand in a side, shape (permutations, blocks)."""
    places = np.atleast_2d(chosen).astype(np.int64)
    side = np.zeros((len(places), blocks.count))
    np.put_along_axis(side, places, 1.0, axis=1)
    if blocks.both:
        side[:, 0] = 1.0
    return side


def _energy(blocks: Blocks, vectors: Numbers) -> Statistic:
    """The coefficient of inhomogeneity H, from 0 to 1: 0 only where the distributions are equal.

    H = (2 E|X-Y| - E|X-X'| - E|Y-Y'|) / (2 E|X-Y|), Székely and Rizzo, "Energy statistics: A class
    of statistics based on distances" (2013). Where a share s of the window comes from elsewhere,
    the numerator grows with s², so the effect is the root of H beyond chance, and grows with s.
    """
    from scipy.spatial.distance import cdist

    parts = (vectors[at : at + _AT_ONCE] for at in range(0, len(vectors), _AT_ONCE))
    distances = blocks.sums(np.hstack([blocks.sums(cdist(vectors, part)) for part in parts]).T)
    mass = blocks.sums(np.ones((len(vectors), 1)))[:, 0]

    def statistic(window: Numbers, reference: Numbers) -> Numbers:
        n, m = _mass(window, mass), _mass(reference, mass)
        away = window @ distances
        between = (away * reference).sum(axis=1) / (n * m)
        inside = (away * window).sum(axis=1) / n**2
        outside = ((reference @ distances) * reference).sum(axis=1) / m**2
        found: Numbers = (2 * between - inside - outside) / np.maximum(2 * between, 1e-12)
        return found

    return statistic


def _table(blocks: Blocks, kind: Kind, values: Numbers) -> Statistic:
    """Statistics of sums by block.

    other and less: Kolmogorov and Smirnov's D, two-sided and one-sided. share: total variation.
    """
    columns = _steps(values[:, 0]) if kind in ("other", "less") else values
    sums = blocks.sums(columns)
    mass = blocks.sums(np.ones((len(values), 1)))[:, 0]

    def statistic(window: Numbers, reference: Numbers) -> Numbers:
        n, m = _mass(window, mass), _mass(reference, mass)
        moved = (window @ sums) / n[:, None] - (reference @ sums) / m[:, None]
        if kind == "share":
            return np.asarray(np.abs(moved).sum(axis=1) / 2)
        return np.asarray((np.abs(moved) if kind == "other" else moved).max(axis=1))

    return statistic


def _mass(side: Numbers, mass: Numbers) -> Numbers:
    """What a side weighs; a side that a permutation left empty counts as one light item."""
    return np.maximum(side @ mass, 1e-9)


def _steps(values: Numbers) -> Numbers:
    """Is each value at or below each step of the distribution? Shape (items, steps)."""
    steps = np.unique(values)
    if steps.size > _STEPS:
        steps = np.unique(np.quantile(values, np.linspace(0, 1, _STEPS + 1), method="lower"))
    return (values[:, None] <= steps[None, :]).astype(np.float64)

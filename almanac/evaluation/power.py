"""How sure a paired comparison of right answers is, and how many questions it needs; no state.

Only questions that one model answers right and the other wrong tell them apart: of these the gained
ones are held against chance (the exact sign test, McNemar 1947), one-sided.
"""

from __future__ import annotations

from math import ceil, comb, pi, sqrt
from statistics import NormalDist

ALPHA = 0.05  # of offering an adapter that changes nothing, over all tries on one set together
GAIN = 0.10  # of right answers: what a set of questions should be able to tell
POWER = 0.8  # and how often
CHANGED = 0.3  # share of questions whose answer turns right or wrong, where none was measured yet
_EXACT = 600  # questions up to which power is summed exactly


def sign_test(gained: int, lost: int) -> float:
    """The chance of so many gained ones or more, of all that changed, where nothing is better."""
    count = gained + lost
    return float(sum(comb(count, k) for k in range(gained, count + 1)) / 2**count)


def allowance(tries: int, alpha: float = ALPHA) -> float:
    """What the try of this number may spend of `alpha`: alpha 6 / (pi k)^2, in all at most alpha.

    The first one gets 61 %, and later ones less each, however many there are.
    """
    return alpha * 6 / (pi * tries) ** 2


def power(questions: int, gain: float, changed: float, alpha: float) -> float:
    """How often a gain is shown with so many questions, of which a share `changed` differs."""
    changed = min(max(changed, gain), 1.0)
    if questions > _EXACT:
        z = NormalDist()
        spread = sqrt(max(changed - gain * gain, 1e-9))
        shift = gain * sqrt(questions) - z.inv_cdf(1 - alpha) * sqrt(changed)
        return z.cdf(shift / spread)
    better = (1 + gain / changed) / 2
    total = 0.0
    for count in range(questions + 1):
        drawn = _binomial(count, questions, changed)
        if drawn > 1e-12 and (least := _least(count, alpha)) is not None:
            total += drawn * sum(_binomial(k, count, better) for k in range(least, count + 1))
    return total


def questions_needed(gain: float, changed: float, alpha: float, wanted: float = POWER) -> int:
    """The fewest questions that show a gain with power `wanted` (Connor, Biometrics 1987).

    Connor's figure is of the test without its steps, and some too low: up to `_EXACT` questions are
    added to it until the exact power is there.
    """
    changed = max(changed, gain)
    z = NormalDist()
    spread = z.inv_cdf(1 - alpha) * sqrt(changed)
    spread += z.inv_cdf(wanted) * sqrt(max(changed - gain * gain, 0.0))
    needed = ceil((spread / gain) ** 2)
    while needed <= _EXACT and power(needed, gain, changed, alpha) < wanted:
        needed += 1
    return needed


def _least(count: int, alpha: float) -> int | None:
    """Gained ones of `count` changed that are enough; None where all of them are not."""
    tail, least = 0, None
    for k in range(count, -1, -1):
        tail += comb(count, k)
        if tail > alpha * 2**count:
            break
        least = k
    return least


def _binomial(k: int, count: int, share: float) -> float:
    if share >= 1.0:
        return float(k == count)
    return float(comb(count, k)) * share**k * (1 - share) ** (count - k)

"""A share with what chance leaves open."""

from __future__ import annotations

from math import sqrt

_Z = 1.959964  # of 95 %


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927): right for few and for shares near 0 and 1.

    (0, 1) where nothing was counted.
    """
    if of == 0:
        return (0.0, 1.0)
    share, square = hits / of, _Z * _Z
    middle = share + square / (2 * of)
    half = _Z * sqrt(share * (1 - share) / of + square / (4 * of * of))
    scale = 1 + square / of
    return (max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale))

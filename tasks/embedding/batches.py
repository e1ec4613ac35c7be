"""Which texts go through a model together, so that a text's vector never depends on the others.

Two things make the same text differ in its last bits from batch to batch. Padding: a batch is
padded to its longest text, and the sums then run over other lengths. So a batch holds texts of one
length only, and nothing is ever padded. And tiny batches: matrix products of a few rows (fewer than
four for each thread, as measured) take another path through the processor's library. So a batch
below `at_least` tokens is filled up with repeats of its own texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from math import ceil

TOKENS_PER_THREAD = 16


def equal_length_batches(
    lengths: Sequence[int], *, at_most: int, at_least: int
) -> Iterator[list[int]]:
    """Positions of texts to run together, all of one length, shortest first.

    Args:
        lengths: tokens of each text, all above zero.
        at_most: tokens in a batch, unless one text alone has more.
        at_least: tokens in a batch, reached by naming positions twice or more.
    """
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for position, length in enumerate(lengths):
        groups[length].append(position)
    for length, group in sorted(groups.items()):
        size = max(1, at_most // length)
        for start in range(0, len(group), size):
            batch = group[start : start + size]
            yield list(islice(cycle(batch), max(len(batch), ceil(at_least / length))))

"""Which texts go through a model together, so that a text's vector never depends on the others.

Two things make the same text differ in its last bits from batch to batch. Padding: a batch is
padded to its longest text, and the sums then run over other lengths. So a batch holds texts of one
length only, and nothing is ever padded. And small batches: a float32 matrix product of few rows
takes another path through the processor's library (measured: of fewer than 4 rows with one thread,
of fewer than 12 with two). So a small batch is filled up with repeats of its own texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from math import ceil


def equal_length_batches(
    lengths: Sequence[int], *, at_most: int, at_least: int, fewest: int = 1
) -> Iterator[list[int]]:
    """Positions of texts to run together, all of one length, shortest first.

    Args:
        lengths: tokens of each text, all above zero.
        at_most: tokens in a batch, unless one text alone has more.
        at_least: tokens in a batch, reached by naming positions twice or more.
        fewest: texts in a batch, reached alike.
    """
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for position, length in enumerate(lengths):
        groups[length].append(position)
    for length, group in sorted(groups.items()):
        size = max(1, at_most // length)
        for start in range(0, len(group), size):
            batch = group[start : start + size]
            least = max(len(batch), fewest, ceil(at_least / length))
            yield list(islice(cycle(batch), least))

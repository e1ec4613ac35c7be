"""Content-defined cut points: where a cut falls depends on the text around it, not on its position.

As in FastCDC there is a shortest and a longest pack, but with only a handful of blocks in a pack a
bit mask would force most cuts at the maximum, and forced cuts shift with every edit. Instead each
possible cut carries a key of its own and the lowest key within reach wins, so that the same place
wins again after an insertion or deletion before it, and the packs behind it stay as they were.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import accumulate
from typing import NamedTuple

_NEARBY = 8
_NEWLINE = re.compile(r"[\r\n]")
_BLANK = re.compile(r"\s")


class Seam(IntEnum):
    """How natural a cut is in a place, the best first."""

    BLOCK = 0
    ITEM = 1
    NESTED = 2
    LINE = 3
    SENTENCE = 4
    GLUE = 5
    WORD = 6
    CHARACTER = 7


class Atom(NamedTuple):
    """A piece of text that is cut no further: `text[start:end]`, without blanks around it.

    `seam` says how natural a cut in front of it is.
    """

    start: int
    end: int
    seam: Seam


def content_key(text: str) -> int:
    """A number that only `text` decides."""
    return zlib.crc32(text.encode("utf-8"))


def pack(sizes: Sequence[int], keys: Sequence[tuple[int, int]], low: int, high: int) -> list[int]:
    """The indices at which packs of `low` to `high` begin; the first is 0.

    `keys[i]` belongs to a cut in front of item i; the lowest in reach wins. What is not above
    `high` in all is one pack; an item above `high` is a pack of its own. Takes linear time: a pack
    is rarely below `low`, and nothing is looked at beyond `high`.
    """
    ends = list(accumulate(sizes, initial=0))
    starts = [0]
    while ends[-1] - ends[starts[-1]] > high and starts[-1] < len(sizes) - 1:
        reach = _reach(ends, starts[-1], low, high)
        starts.append(min(reach, key=lambda at: (keys[at], -at)))
    return starts


def _reach(ends: Sequence[int], begin: int, low: int, high: int) -> range:
    """The items in front of which the pack that starts at `begin` may end; never none."""
    last = max(begin + 1, bisect_right(ends, ends[begin] + high) - 1)
    first = max(begin + 1, bisect_left(ends, ends[begin] + low))
    rest_is_fair = bisect_right(ends, ends[-1] - low) - 1
    return (
        range(first, min(last, rest_is_fair) + 1) or range(first, last + 1) or range(last, last + 1)
    )


def split_long(text: str, atom: Atom, longest: int) -> Iterator[Atom]:
    """The atom in pieces of at most `longest` characters; blanks between two belong to neither.

    Linear, also for a word of a megabyte.
    """
    start, end, seam = atom
    while end - start > longest:
        cut, following = _best_cut(text, start + max(1, longest // 3), start + longest)
        yield Atom(start, start + len(text[start:cut].rstrip()), seam)
        start, seam = _skip_blanks(text, cut), following
    yield Atom(start, end, seam)


def _best_cut(text: str, first: int, last: int) -> tuple[int, Seam]:
    """The offset from `first` to `last` to cut at: after a line, else a word, else anywhere."""
    for gap, seam in ((_NEWLINE, Seam.LINE), (_BLANK, Seam.WORD)):
        cuts = [match.end() for match in gap.finditer(text, first, last)]
        if cuts:
            return min(cuts, key=lambda at: content_key(text[at : at + _NEARBY])), seam
    anywhere = range(first, last + 1)
    return min(anywhere, key=lambda at: content_key(text[at - _NEARBY : at])), Seam.CHARACTER


def _skip_blanks(text: str, at: int) -> int:
    while text[at].isspace():
        at += 1
    return at

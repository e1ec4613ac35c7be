"""What the ratings of a log mean: likes and dislikes, as spelled commonly or as declared.

Without a declaration 1 is a like and -1 a dislike, and words as up and down. Another number tells
that the log has another scale, in which 1 may be the worst: then nothing of it is taken until the
scale is declared, as `0=-1,1=1` or `1..2=-1,3=0,4..5=1` (0: neither, which is no vote).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from almanac.feedback.fields import RATINGS, Broken, rating, spelling
from schemas.errors import ConfigError, FeedbackUnreadable

_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")
_SHOWN = 8
_FEW = 0.05  # of the numbers, that may be slips beside likes and dislikes
NEITHER = 0


class Scale:
    """The declared meaning of ratings; one that declares nothing knows the common spellings."""

    def __init__(self, declared: Mapping[str, int] | None = None) -> None:
        """Raises ConfigError where a value means something else than 1, -1 or 0."""
        self._exact: dict[str, int] = {}
        self._ranges: list[tuple[float, float, int]] = []
        for spelled, meaning in (declared or {}).items():
            if meaning not in (1, -1, NEITHER):
                raise ConfigError(
                    f"the rating {spelled} means {meaning}: it can mean 1 (like), -1 (dislike) "
                    "or 0 (neither)"
                )
            if match := _RANGE.fullmatch(spelled.strip()):
                self._ranges.append((float(match[1]), float(match[2]), meaning))
            else:
                self._exact[_spelling(spelled)] = meaning
        self.is_declared = bool(declared)

    def meaning(self, value: Any) -> int:
        """1, -1, or 0 for neither; raises Broken where the scale does not have the value."""
        if not self.is_declared:
            return rating(value)
        spelled = _spelling(value)
        if spelled in self._exact:
            return self._exact[spelled]
        number = _number(value)
        for low, high, meaning in self._ranges:
            if number is not None and low <= number <= high:
                return meaning
        raise Broken(
            "rating_is_declared",
            f"The declared ratings do not have {value!r:.40}: add what it means, as in "
            f"--rating {spelled[:20] or 'VALUE'}=1",
            "nothing" if value is None else value,
        )

    def check(self, values: Iterable[Any]) -> None:
        """Refuse ratings that are on another scale than likes and dislikes.

        A number that is neither 1 nor -1 tells of another scale where no rating is a plain dislike,
        and so do many such numbers beside dislikes (-1 may stand for no rating). A few, or some
        beside ratings in words, are faults of their rows alone.

        Raises:
            FeedbackUnreadable: with the numbers found, and the way to declare them.
        """
        if self.is_declared:
            return
        numbers: Counter[float] = Counter()
        words: Counter[int] = Counter()
        for value in values:
            if (number := _number(value)) is not None:
                numbers[number] += 1
            elif _spelling(value) in RATINGS:
                words[RATINGS[_spelling(value)]] += 1
        if not _is_another_scale(numbers, words):
            return
        ordered = sorted(numbers)
        listed = ", ".join(f"{one:g} ({numbers[one]:,} times)" for one in ordered[:_SHOWN])
        more = ", ..." if len(ordered) > _SHOWN else ""
        raise FeedbackUnreadable(
            f"the ratings are {listed}{more}: not likes (1) and dislikes (-1), so 1 may be the "
            "worst of a scale. "
            f"Say what each means: --rating {_proposal(ordered)} (1 like, -1 dislike, 0 neither), "
            "or set feedback.ratings"
        )


def _is_another_scale(numbers: Counter[float], words: Counter[int]) -> bool:
    strange = {number: n for number, n in numbers.items() if number not in (1, -1)}
    if not strange or (words and 1.0 not in numbers):
        return False
    others = sum(n for number, n in strange.items() if number != 0)
    has_dislikes = bool(words[-1] or numbers[-1.0])
    return not has_dislikes or others > _FEW * numbers.total()


def parse(declarations: Iterable[str]) -> dict[str, int]:
    """`0=-1,1=1` as a mapping.

    Raises:
        ConfigError: a part is not VALUE=RATING.
    """
    found: dict[str, int] = {}
    for part in (part for one in declarations for part in one.split(",")):
        spelled, mark, meaning = part.strip().rpartition("=")
        if not mark or not spelled or meaning.strip() not in ("1", "+1", "-1", "0"):
            raise ConfigError(
                f"--rating {part.strip()!r}: write VALUE=1, VALUE=-1 or VALUE=0, "
                "as in --rating 0=-1,1=1 or --rating 1..2=-1,3=0,4..5=1"
            )
        found[spelled.strip()] = int(meaning)
    return found


def _proposal(ordered: list[float]) -> str:
    """A declaration to change: the lower half dislikes, the upper half likes."""
    if len(ordered) == 1:
        return "0=-1,1=1 or --rating 1..2=-1,3=0,4..5=1"
    low, high = ordered[0], ordered[-1]
    if len(ordered) == 2:
        return f"{low:g}=-1,{high:g}=1"
    half = len(ordered) // 2
    middle = [f"{ordered[half]:g}=0"] if len(ordered) % 2 else []
    lower, upper = ordered[:half], ordered[-half:]
    return ",".join([_span(lower, -1), *middle, _span(upper, 1)])


def _span(values: list[float], meaning: int) -> str:
    return f"{_range(values)}={meaning}"


def _range(values: list[float]) -> str:
    return f"{values[0]:g}..{values[-1]:g}" if len(values) > 1 else f"{values[0]:g}"


def _spelling(value: Any) -> str:
    number = _number(value)
    if number is not None:
        return f"{number:g}"
    return spelling(value)


def _number(value: Any) -> float | None:
    """A finite number, also one written as a text; truth values are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None

"""Figures over texts that tell whether a passage supports an answer; no state, no clock.

Each is a share of weight from 0 to 1, where a stem weighs what `Rarity` says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from itertools import pairwise
from operator import mul
from typing import Literal

from almanac.core.stems import Rarity, Words, sentences, words
from schemas.settings import TriageSettings

Level = Literal["yes", "unclear", "no"]


@dataclass(frozen=True, slots=True)
class Support:
    """How far a text supports an answer to a question.

    answer: of the answer's weight, what the text holds; 0 where it lacks one of its numbers, and
    no more than what stands `together` in it where that was looked at.
    pair: the same of question and answer together, so that a short answer that stands in many
    texts counts only where the text is about the question. about: of the question's weight alone.
    numbers: the text has every number of the question.
    """

    answer: float
    pair: float
    about: float
    numbers: bool = True

    def level(self, rules: TriageSettings) -> Level:
        """Does the text support the answer, by the thresholds?"""
        if self.answer < rules.supported:
            return "no"
        if self.pair >= rules.related and self.numbers:
            return "yes"
        return "unclear" if self.pair >= rules.unrelated else "no"

    def rounded(self) -> dict[str, float | bool]:
        """For the evidence."""
        figures = {"answer": self.answer, "pair": self.pair, "about": self.about}
        rounded = {name: round(figure, 3) for name, figure in figures.items()}
        return rounded | {"numbers": self.numbers}


def support(question: Words, answer: Words, held: Set[str], rarity: Rarity) -> Support:
    """See `Support`; `held` are the stems of the text. An answer without a word gives zeros."""
    covered = rarity.cover(answer.known, held) if answer.numbers <= held else 0.0
    return Support(
        answer=covered,
        pair=rarity.cover(question.known | answer.known, held) if answer.stems else 0.0,
        numbers=question.numbers <= held,
        about=rarity.cover(question.known, held),
    )


def together(answer: str, text: str, rarity: Rarity) -> float:
    """How much of an answer stands together in a text, never more than `Support.answer`.

    Of each sentence of the answer, the share that two neighbouring sentences of the text hold at
    best; the mean over the answer's sentences by their weight. Words that are scattered over a
    passage say something else.
    """
    held = [words(piece).known for piece in sentences(text)]
    windows = [one | other for one, other in pairwise(held)] or held
    asked = [words(piece).known for piece in sentences(answer)]
    weights = [sum(map(rarity.weight, one)) for one in asked]
    shares = [max((rarity.cover(one, window) for window in windows), default=0.0) for one in asked]
    total = sum(weights)
    return sum(map(mul, weights, shares)) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a response says what was expected.

    expected: of the expected answer's weight, what the response holds. extra: of the response's
    weight, what neither the expected answer, the question nor the context holds.
    numbers: those that were expected and are missing. negated: they differ in their negations,
    so the one may deny what the other says.
    """

    expected: float
    extra: float
    numbers: tuple[str, ...]
    negated: bool

    def level(self, rules: TriageSettings) -> Level:
        """Does the response agree? Unclear where it says it and denies it, or much else."""
        if self.expected < rules.supported or self.numbers:
            return "no"
        return "unclear" if self.negated or self.extra > 1 - rules.supported else "yes"

    def rounded(self) -> dict[str, object]:
        """For the evidence."""
        return {
            "expected": round(self.expected, 3),
            "extra": round(self.extra, 3),
            "missing_numbers": list(self.numbers),
            "negated": self.negated,
        }


def agreement(
    question: str, response: str, expected: str, context: Iterable[str], rarity: Rarity
) -> Agreement:
    """See `Agreement`."""
    said, wanted = words(response), words(expected)
    known = wanted.known | words(question).known
    known = known.union(*(words(text).known for text in context))
    return Agreement(
        expected=rarity.cover(wanted.known, said.known),
        extra=1 - rarity.cover(said.known, known) if said.stems else 0.0,
        numbers=tuple(sorted(wanted.numbers - said.known)),
        negated=said.negations % 2 != wanted.negations % 2,
    )

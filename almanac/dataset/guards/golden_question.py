"""`golden_question`: what the gate asks must not be trained on, nor a near copy of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import ClassVar

from almanac.core.stems import words
from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful
from almanac.dataset.guards.texts import content, jaccard
from schemas.text import nfkc

_ALIKE = 0.7  # of the weighty stems: a leak costs more than a lost example
_SPELT = 0.75  # of the letters' 3-grams: a slip of the keyboard breaks stems
_WITHIN = 0.9  # of one's stems that the other holds
_ROOT = 5  # letters of a Russian stem: the stemmer takes Байкале and Байкала apart
_TOLD = 4  # stems that a question needs to be recognised within a longer one
_LOOKED_AT = 10  # golden questions that share most stems, compared by letters


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    stems: Set[str]
    numbers: Set[str]
    letters: Set[str]


class GoldenQuestion(Forgetful):
    """Compares with every golden question by stems, letters, and one held within the other.

    Lexical all of it: inflection, order, courtesies and slips are seen through, other words for the
    same are not. Questions with other numbers are other questions.
    """

    reason: ClassVar[str] = "golden_question"

    def __init__(self, golden: Iterable[str]) -> None:
        self._golden = [_question(text) for text in sorted(set(golden))]
        self._holders: defaultdict[str, list[int]] = defaultdict(list)
        for number, question in enumerate(self._golden):
            for stem in question.stems:
                self._holders[stem].append(number)

    def check(self, candidate: Candidate) -> Figures | None:
        """`golden`: the question it copies; `similarity` and the `measure` that saw it."""
        asked = _question(candidate.example.question)
        shared = Counter(at for stem in asked.stems for at in self._holders.get(stem, ()))
        ranked = sorted(shared, key=lambda at: (-shared[at], at))
        for rank, number in enumerate(ranked):
            golden = self._golden[number]
            if found := _alike(asked, golden, by_letters=rank < _LOOKED_AT):
                measure, similarity = found
                figures = {"similarity": round(similarity, 4), "measure": measure}
                return {"golden": golden.text} | figures
        return None


def _question(text: str) -> _Question:
    folded = nfkc(text).casefold()
    letters = "".join(filter(str.isalnum, folded))
    grams = frozenset(letters[at : at + 3] for at in range(max(1, len(letters) - 2)))
    stems = frozenset(stem[:_ROOT] if stem[0] >= "а" else stem for stem in content(text))
    return _Question(text, stems, words(text).numbers, grams)


def _alike(asked: _Question, golden: _Question, by_letters: bool) -> tuple[str, float] | None:
    """The measure that finds them alike and what it says, None where none does."""
    if not (asked.numbers <= golden.numbers or golden.numbers <= asked.numbers):
        return None
    same = asked.numbers == golden.numbers
    if same and (stems := jaccard(asked.stems, golden.stems)) >= _ALIKE:
        return "stems", stems
    if (within := _within(golden.stems, asked.stems)) >= _WITHIN:
        return "golden_within", within
    # A fragment of a golden question asks for less: it must be most of it.
    most = 5 * len(asked.stems) >= 3 * len(golden.stems)
    if most and (within := _within(asked.stems, golden.stems)) >= _WITHIN:
        return "within_golden", within
    if same and by_letters and (spelt := jaccard(asked.letters, golden.letters)) >= _SPELT:
        return "letters", spelt
    return None


def _within(part: Set[str], whole: Set[str]) -> float:
    return len(part & whole) / len(part) if len(part) >= _TOLD else 0.0

"""Whether a question is a near copy of a golden one, which nothing may be trained on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almanac.core.stems import words
from almanac.guards import meaning
from almanac.guards.personal.name_forms import has_cyrillic
from almanac.guards.texts import content, jaccard
from schemas.text import nfkc

_ALIKE = 0.7  # of the weighty stems: a leak costs more than a lost example
_SPELT = 0.75  # of the letters' 3-grams: a slip of the keyboard breaks stems
_WITHIN = 0.9  # of one's stems that the other holds
_ROOT = 5  # letters of a Russian stem: the stemmer takes Байкале and Байкала apart
_SLIP = 0.6  # likeness of two words from which on one may be the other, misspelt
_TOLD = 4  # stems that a question needs to be recognised within a longer one
_LOOKED_AT = 10  # golden questions that share most stems, compared by letters
# Of the centred vectors. Questions of one passage of XQuAD against 100 golden ones of all: how many
# are taken wrongly is printed by benchmarks/quality/guards.py --nearness.
_MEANT = 0.65
_MEANT_ACROSS = 0.6  # of a question in the other language
_OTHER_WORDS = 0.3  # from such a share of stems on it is the words that differ which count
_KINDS = tuple(
    (kind, re.compile(rf"(?<!\w)(?:{form})(?!\w)", re.IGNORECASE))
    for kind, form in (
        ("person", r"who|whom|whose|кто|кому|кем|кого|чей|чья|чь[её]"),
        ("place", r"where|где|куда|откуда"),
        ("time", r"when|what time|what date|date|since when|когда|во сколько|дата"),
        ("reason", r"why|почему|зачем"),
        (
            "amount",
            r"how (?:many|much|often|long|heavy|far|old|high|big|tall|soon)|сколько|as much as"
            r"|какова? (?:цена|стоимость|надбавка)|periodicity|с какой периодичностью",
        ),
    )
)


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    stems: Set[str]
    numbers: Set[str]
    letters: Set[str]


class GoldenQuestions:
    """Compares with every golden question by stems, letters, one held within the other, meaning.

    Words see through inflection, order, courtesies and slips; meaning through other words for the
    same, also in the other language. Questions with other numbers are other questions.
    """

    def __init__(self, golden: Iterable[str], by_meaning: bool = True) -> None:
        self._golden = [_question(text) for text in sorted(set(golden))]
        self._holders: defaultdict[str, list[int]] = defaultdict(list)
        for number, question in enumerate(self._golden):
            for stem in question.stems:
                self._holders[stem].append(number)
        self._by_meaning = by_meaning and bool(self._golden)

    def find(self, text: str) -> dict[str, Any] | None:
        """`golden`: the question that a text copies; `similarity`, and the `measure` that saw it.

        Raises:
            ConfigError: the model of the meaning is not installed.
        """
        asked = _question(text)
        shared = Counter(at for stem in asked.stems for at in self._holders.get(stem, ()))
        ranked = sorted(shared, key=lambda at: (-shared[at], at))
        for rank, number in enumerate(ranked):
            golden = self._golden[number]
            if found := _alike(asked, golden, by_letters=rank < _LOOKED_AT):
                measure, similarity = found
                return _figures(golden, measure, similarity)
        return self._by_its_meaning(asked) if self._by_meaning else None

    def _by_its_meaning(self, asked: _Question) -> dict[str, Any] | None:
        if len(asked.text.split()) < _TOLD:
            return None
        near = self._vectors @ meaning.centred([asked.text])[0]
        for number in near.argsort()[::-1][:_LOOKED_AT]:
            golden, similarity = self._golden[number], float(near[number])
            same_language = has_cyrillic(asked.text) == has_cyrillic(golden.text)
            if similarity < (_MEANT if same_language else _MEANT_ACROSS):
                return None
            if _may_mean_the_same(asked, golden, same_language):
                return _figures(golden, "meaning", similarity)
        return None

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return meaning.centred([one.text for one in self._golden])


def _figures(golden: _Question, measure: str, similarity: float) -> dict[str, Any]:
    return {"golden": golden.text, "similarity": round(similarity, 4), "measure": measure}


def _may_mean_the_same(asked: _Question, golden: _Question, same_language: bool) -> bool:
    """Not where most words are shared: what differs then is what is asked for."""
    if asked.numbers != golden.numbers:
        return False
    if same_language and jaccard(asked.stems, golden.stems) >= _OTHER_WORDS:
        return False
    kinds = _asked_for(asked.text), _asked_for(golden.text)
    return None in kinds or kinds[0] == kinds[1]


def _asked_for(text: str) -> str | None:
    """What kind of answer a question wants, where its first such word says it."""
    found = [(match.start(), kind) for kind, form in _KINDS if (match := form.search(text))]
    return min(found)[1] if found else None


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
    if _contrast(asked.stems - golden.stems, golden.stems - asked.stems):
        return None
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


def _contrast(left: Set[str], right: Set[str]) -> bool:
    """One word on each side that is no slip for the other: inside and outside, opens and closes."""
    if len(left) != 1 or len(right) != 1:
        return False
    one, other = next(iter(left)), next(iter(right))
    return SequenceMatcher(None, one, other).ratio() < _SLIP


def _within(part: Set[str], whole: Set[str]) -> float:
    return len(part & whole) / len(part) if len(part) >= _TOLD else 0.0

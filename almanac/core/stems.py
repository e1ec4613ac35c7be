"""What a text says, as stems and numbers that compare across inflection, case and typography."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from schemas.text import nfkc

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)?|\d+[^\W_]+")
_CITED = re.compile(r"(?<=\s)\[\d+\]|(?<=\])\[\d+\]")  # [1], as assistants cite; a[0] stays
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# After a full stop, at a blank line, before a list item, a heading or a row of a table.
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|\n\s*\n|\n(?=\s*(?:[-*+#|>]|\d+[.)])\s)")
# A closed class in both languages; English `n't` is found by its ending.
_NEGATIONS = frozenset(
    {"not", "no", "never", "none", "nor", "cannot", "не", "нет", "ни", "никогда"}
)


@dataclass(frozen=True, slots=True)
class Words:
    """The stems of a text in order; numbers stand among them as they are, `1,000` as `1000`."""

    stems: tuple[str, ...]
    negations: int

    @property
    def known(self) -> frozenset[str]:
        """Each stem once."""
        return frozenset(self.stems)

    @property
    def numbers(self) -> frozenset[str]:
        """The numbers among the stems."""
        return frozenset(stem for stem in self.stems if stem[0].isdigit())

    def say(self, other: Words) -> bool:
        """Do all stems of the other stand here, one after the other?"""
        count = len(other.stems)
        places = range(len(self.stems) - count + 1) if count else ()
        return any(self.stems[at : at + count] == other.stems for at in places)


def stems_of(text: str) -> frozenset[str]:
    """Each stem of a text once, for a text that is looked at once."""
    return words.__wrapped__(text).known


@lru_cache(maxsize=4_096)
def words(text: str) -> Words:
    """NFKC, case folded, `ё` as `е`; Cyrillic words stemmed as Russian, all others as English.

    Citations such as [1] are left out.
    """
    plain = nfkc(text).casefold().replace("ё", "е").replace("’", "'")
    found = _WORD.findall(_GROUPED.sub("", _CITED.sub(" ", plain)))
    negations = sum(word in _NEGATIONS or word.endswith("n't") for word in found)
    return Words(tuple(_stem(word) for word in found), negations)


def sentences(text: str) -> list[str]:
    """Pieces of a text between full stops, paragraphs and list items, blank ones left out."""
    return [piece for piece in _SENTENCE.split(text) if piece.strip()]


class Rarity:
    """How much a stem says: its inverse frequency over texts, as in BM25, never under zero.

    ln(1 + (N - n + 0.5) / (n + 0.5)) for a stem in n of N texts (Robertson and Zaragoza, 2009).
    """

    def __init__(self, texts: Iterable[str]) -> None:
        known = [words(text).known for text in texts]
        self._total = len(known)
        self._counts = Counter(stem for stems in known for stem in stems)

    def weight(self, stem: str) -> float:
        """Of one stem."""
        seen = self._counts[stem]
        return math.log1p((self._total - seen + 0.5) / (seen + 0.5))

    def cover(self, wanted: Collection[str], held: Collection[str]) -> float:
        """The weight of the stems wanted that are held, as a share of all wanted; 0 for none."""
        total = sum(map(self.weight, wanted))
        return sum(self.weight(stem) for stem in wanted if stem in held) / total if total else 0.0


@cache
def _stemmers() -> tuple[Any, Any]:
    import snowballstemmer

    return snowballstemmer.stemmer("english"), snowballstemmer.stemmer("russian")


@lru_cache(maxsize=200_000)
def _stem(word: str) -> str:
    english, russian = _stemmers()
    return str((russian if "а" <= word[0] <= "я" else english).stemWord(word))

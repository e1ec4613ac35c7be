"""When two texts say the same: word 3-grams of long ones, the weighty words of short ones."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import cache, lru_cache

from almanac.core.stems import words
from schemas.text import nfkc, normalized

_LONG = 20  # words; below that one changed word ruins three of a handful of 3-grams
_POLITE = re.compile(
    r"\b(?:please|kindly|thanks?(?: you)?(?: (?:so|very) much)?(?: in advance)?|hi(?: there)?"
    r"|hello|hey|good (?:morning|afternoon|evening|day)"
    r"|(?:can|could|would) (?:you|someone|anyone)(?: please)? (?:tell|explain to|show) (?:me|us)"
    r"|(?:i (?:would|'d) like|i want|i need) to know|i(?: was|'m| am)? wonder(?:ing)?(?: if)?"
    r"|do you know|quick question|just curious|пожалуйста|спасибо(?: заранее)?|заранее спасибо"
    r"|большое спасибо|здравствуйте|добрый (?:день|вечер)|доброе утро|привет|подскажите"
    r"|(?:вы )?не (?:подскажете|могли бы вы (?:сказать|объяснить|подсказать))"
    r"|скажите|хочу (?:узнать|спросить)|хотел(?:а)? бы (?:узнать|спросить)|будьте добры)\b",
    re.IGNORECASE,
)
_JOINT = re.compile(r"(?<=[^\W\d_])['’‑-](?=[^\W\d_])")  # self-employed, I'm
_LIGHT = (
    "a an the of in on at to for from by with and or as is are was were be been being do does did "
    "has have had it its this that these those there i me my we our us you your so then "
    "и в во на с со к ко по из у о об от до за для а же ли бы то это этот эта был была было были "
    "быть я мы вы мне мой моя мое мои нам наш ваш"
)


@dataclass(frozen=True, slots=True)
class Essence:
    """What a text says, to compare: `parts` are 3-grams of stems, or the stems of a short text.

    Two texts with other numbers, or of which one alone says no, do not say the same.
    """

    parts: Set[str]
    numbers: Set[str]
    negated: bool

    def similarity(self, other: Essence) -> float:
        """Jaccard similarity of the parts, 0 to 1; 0 where numbers or a negation differ."""
        if self.numbers != other.numbers or self.negated != other.negated:
            return 0.0
        return jaccard(self.parts, other.parts)


def jaccard(left: Set[str], right: Set[str]) -> float:
    """Shared over all; 1 for two empty sets."""
    shared = len(left & right)
    every = len(left) + len(right) - shared
    return shared / every if every else 1.0


def plain(text: str) -> str:
    """NFKC, case folded, every run of spaces as one: what an exact duplicate is told by."""
    return " ".join(nfkc(text).casefold().split())


def same_text(one: str, other: str) -> bool:
    """Whether two texts look the same but for spaces."""
    return normalized(one).split() == normalized(other).split()


def content(text: str) -> tuple[str, ...]:
    """The stems of a text in order, without courtesies and light words; all if none are left."""
    stems = _stems(text)
    return tuple(stem for stem in stems if stem not in _light()) or stems


@cache
def _light() -> frozenset[str]:
    return words(_LIGHT).known


@lru_cache(maxsize=50_000)
def essence(text: str) -> Essence:
    """What `text` says. Short texts lose their order of words, long ones keep it."""
    said = words(text)
    return Essence(_parts(_stems(text), content(text)), said.numbers, said.negations > 0)


def _stems(text: str) -> tuple[str, ...]:
    joined = _JOINT.sub("", text)
    return words(_POLITE.sub(" ", joined)).stems or words(joined).stems


def _parts(stems: tuple[str, ...], weighty: tuple[str, ...]) -> frozenset[str]:
    if len(stems) < _LONG:
        return frozenset(weighty)
    return frozenset(" ".join(stems[at : at + 3]) for at in range(len(stems) - 2))

"""The words of a text that carry what it says: without articles, auxiliaries and the like."""

from __future__ import annotations

import re
from functools import lru_cache

from almanac.core.stems import words
from schemas.text import nfkc

_SMALL_WORDS = (
    "a an the of to in on at by for from with as and or but if then than that this these those "
    "it its is are was were be been being am do does did doing have has had having will would "
    "shall should can could may might must i you he she we they me my your our their his her "
    "him them what which who whom whose when where why how there here so such only also very "
    "just about into over under up down out off any some all each every both either neither "
    "one ones other yes no not please get got "
    "и в во на с со у к ко о об от до за из по при для без над под про через между а но или "
    "либо что чтобы как так это этот эта эти тот та те он она оно они мы вы я ты их его ее мой "
    "ваш наш свой были была было были быть есть будет будут не нет да ли же бы то если когда "
    "где куда откуда почему зачем кто чей какой какая какое какие каких каким сколько который "
    "которая которые которых уже еще только также тоже все всех всем"
)
_NAME = re.compile(r"(?<![.!?…:\n] )(?<!^)\b[A-ZА-ЯЁ][\w’'-]*", re.MULTILINE)
_ANY = re.compile(r"\b[A-ZА-ЯЁ][\w’'-]+")
_LATIN = {
    **dict(zip("абвгдезийклмнопрстуфхыэ", "abvgdeziyklmnoprstufhye", strict=True)),
    "ж": "zh", "ц": "c", "ч": "ch", "ш": "sh", "щ": "sh", "ю": "yu", "я": "ya", "ь": "", "ъ": "",
    "ё": "e",
}  # fmt: skip
_PLAIN_STEMS = words(_SMALL_WORDS).known


@lru_cache(maxsize=4_096)
def content(text: str) -> frozenset[str]:
    """The stems that say something, numbers included."""
    return words(text).known - _PLAIN_STEMS


@lru_cache(maxsize=4_096)
def names(text: str) -> frozenset[str]:
    """Stems of words that are written as names: with a capital inside a sentence.

    A text without any small letter tells nothing, and neither does the first word of a sentence.
    """
    plain = nfkc(text)
    if not any(map(str.islower, plain)):
        return frozenset()
    return _stems_of(_NAME.findall(plain))


@lru_cache(maxsize=4_096)
def capitals(text: str) -> frozenset[str]:
    """The same with the first words of sentences."""
    return _stems_of(_ANY.findall(nfkc(text)))


def _stems_of(found: list[str]) -> frozenset[str]:
    return frozenset(stem for one in found for stem in words(one).stems) - _PLAIN_STEMS


def latin(stem: str) -> str:
    """A Russian stem in Latin letters, so that a name compares across the two."""
    return "".join(_LATIN.get(letter, letter) for letter in stem)


def named(stem: str, held: frozenset[str]) -> bool:
    """Does a name stand among stems, in either alphabet? Endings of up to two letters may differ.

    Five letters decide, or all of a shorter name.
    """
    if stem in held:
        return True
    start = latin(stem)[:5]
    return len(start) >= 4 and any(latin(one).startswith(start) for one in held)


def written_alike(one: str, other: str) -> bool:
    """Are both texts mostly in the same alphabet?"""
    return _cyrillic(one) == _cyrillic(other)


def _cyrillic(text: str) -> bool:
    return sum("а" <= letter <= "я" for letter in text.casefold()) * 2 > sum(map(str.isalpha, text))


# Months and days are compared as dates, not as names.
_CALENDAR = (
    "january february march april may june july august september october november december "
    "jan feb mar apr jun jul aug sep sept oct nov dec "
    "monday tuesday wednesday thursday friday saturday sunday"
)
DATED = frozenset(stem for word in _CALENDAR.split() for stem in words(word).stems)

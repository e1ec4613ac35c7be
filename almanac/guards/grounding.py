"""Numbers and names of an answer that stand in nothing it was made from.

Numbers count as equal across their spelling: `1,000` and `1000`, `thirty` and `30`, `half an hour`
and `30 minutes`, `9 pm` and `21:00`. Names are capitalised words within a sentence; in languages
that capitalise more than names they are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from almanac.core.stems import words
from schemas.text import nfkc

_CITED = re.compile(r"\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]")
_LISTED = re.compile(r"^[^\S\n]{0,8}\d{1,2}[.)]\s", re.M)
_NUMBER = re.compile(r"\d+(?:[.,\u00a0\u202f ]\d{3}(?!\d))*(?:[.,]\d+)?")
_GROUPS = re.compile(r"[,.\u00a0\u202f ](?=\d{3}(?!\d))")
_PM = re.compile(r"(\d{1,2})(?:[:.]\d{2})?\s*(?:p\.?m\b|вечера|дня)", re.IGNORECASE)
_WORDS = {
    r"one|first|once|од(?:ин|н\w{1,3})|перв\w+": 1,
    r"two|second|twice|both|дв(?:а|е|ух|умя)|втор\w+|вдво\w+|дважды": 2,
    r"three|third|thrice|тр(?:и|[её]х|емя)|трет\w+|втро\w+": 3,
    r"four|fourth|четыр\w+|четв[её]рт\w+": 4,
    r"five|fifth|пят(?:ь|и|ью|ый|ого|ом)": 5,
    r"six|sixth|шест(?:ь|и|ью|ой|ого)": 6,
    r"seven|seventh|сем(?:ь|и|ью)|седьм\w+": 7,
    r"eight|eighth|восе?м\w{1,2}": 8,
    r"nine|ninth|девят(?:ь|и|ью|ый)": 9,
    r"ten|tenth|десят(?:ь|и|ью|ый|ого)": 10,
    r"eleven|одиннадцат\w+": 11,
    r"twelve|dozen|двенадцат\w+|дюжин\w+": 12,
    r"thirteen|тринадцат\w+": 13,
    r"fourteen|fortnight|четырнадцат\w+": 14,
    r"fifteen|quarter of an hour|пятнадцат\w+|четверть часа": 15,
    r"sixteen|шестнадцат\w+": 16,
    r"seventeen|семнадцат\w+": 17,
    r"eighteen|восемнадцат\w+": 18,
    r"nineteen|девятнадцат\w+": 19,
    r"twenty|twentieth|двадцат\w+": 20,
    r"thirty|thirtieth|тридцат\w+": 30,
    r"forty|сорок\w?": 40,
    r"fifty|пят(?:ьдесят|идесяти)\w*": 50,
    r"sixty|шест(?:ьдесят|идесяти)\w*": 60,
    r"seventy|сем(?:ьдесят|идесяти)\w*": 70,
    r"eighty|восем(?:ьдесят|идесяти)\w*": 80,
    r"ninety|девяност\w*": 90,
    r"hundred|сто|ста|сотн\w+": 100,
    r"thousand|тысяч\w*": 1_000,
    r"million|миллион\w*": 1_000_000,
}
_SPELT = [(re.compile(rf"(?<!\w)(?:{form})(?!\w)"), value) for form, value in _WORDS.items()]
_TENS = re.compile(r"(?<!\w)(\w+)[ -](\w+)(?!\w)")
# What a source that says it also says in figures.
_IMPLIED = (
    (re.compile(r"half an hour|полчаса|половин\w+ часа"), ("30", "0.5")),
    (re.compile(r"\bhalf\b|полов\w+|\bпол-?\w+|полтора|полутора"), ("0.5", "50", "6", "1.5")),
    (re.compile(r"quarter|четверт\w+|квартал\w*"), ("0.25", "25", "3")),
    (re.compile(r"\byear|\bгод|\bлет\b"), ("12", "365")),
    (re.compile(r"\bday|\bсут|\bдень|\bдня"), ("24",)),
    (re.compile(r"\bweek|\bнедел"), ("7",)),
    (re.compile(r"\bhour|\bчас"), ("60",)),
)
_CAPITAL = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_START = re.compile(r"(?:^|[.!?…:;\n«\"“(*•—–-])\s*$")
_PREFIX = 5  # letters that make two inflections of a name the same
_OTHERS = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may "
    "june july august september october november december english russian internet mr mrs ms dr "
    "yes no note important ok okay "
    "понедельник вторник среда четверг пятница суббота воскресенье да нет важно"
)
_NO_NAME = frozenset(_OTHERS.split())
_CAPITALISED_LANGUAGE = 0.34  # of the words within sentences; German nouns come to this


class Sources:
    """What an answer was made from: passages, question, earlier turns."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._text = nfkc("\n".join(texts)).casefold().replace("ё", "е")

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Every number that they say, in figures or words."""
        implied = {one for form, some in _IMPLIED if form.search(self._text) for one in some}
        return frozenset(_figures(self._text) | _spelt(self._text) | implied)

    @cached_property
    def _beginnings(self) -> frozenset[str]:
        return frozenset(word[:_PREFIX] for word in _CAPITAL.findall(self._text))

    @cached_property
    def _stems(self) -> frozenset[str]:
        return words(self._text).known

    def has_name(self, name: str) -> bool:
        """Does one of them have the word, in any inflection?"""
        word = nfkc(name).casefold().replace("ё", "е")
        if word in self._text or word[:_PREFIX] in self._beginnings:
            return True
        return bool(words(word).known & self._stems)


def unfounded(answer: str, sources: Sources) -> list[str]:
    """The numbers and names of an answer, or of a part of one, that no source has."""
    text = _LISTED.sub(" ", _CITED.sub(" ", answer))
    plain = nfkc(text).casefold().replace("ё", "е")
    numbers = [one for one in sorted(_figures(plain)) if not _is_told(one, sources)]
    return numbers + [name for name in _names(text) if not sources.has_name(name)]


def _is_told(number: str, sources: Sources) -> bool:
    if number in sources.numbers or float(number) in (0.0, 1.0):
        return True
    known = (float(one) for one in sources.numbers)
    return any(float(number) == one for one in known)


def _figures(text: str) -> set[str]:
    found = {_GROUPS.sub("", one).replace(",", ".").rstrip(".") for one in _NUMBER.findall(text)}
    found |= {part for one in re.findall(r"\d+", text) for part in (one, one.lstrip("0") or "0")}
    found |= {str(int(hour) % 12 + 12) for hour in _PM.findall(text)}
    whole = {one for one in found if "." in one or len(one) > 3}
    parts = {part for one in whole for part in re.split(r"\.", one)}
    # Of `1,250.00` the whole is the number, and not its parts.
    grouped = {
        part for one in _NUMBER.findall(text) if len(one) > 4 for part in re.findall(r"\d+", one)
    }
    return {one for one in found if one not in grouped | parts or one in whole} or found


def _spelt(text: str) -> set[str]:
    values = {str(value) for form, value in _SPELT if form.search(text)}
    for left, right in _TENS.findall(text):
        tens, units = _value(left), _value(right)
        if tens and units and 20 <= tens < 100 and units < 10:
            values.add(str(tens + units))
        if tens and units and units in (100, 1_000, 1_000_000):
            values.add(str(tens * units))
    return values


def _value(word: str) -> int | None:
    return next((value for form, value in _SPELT if form.fullmatch(word)), None)


def _names(text: str) -> list[str]:
    """Capitalised words of three letters and more that do not begin a sentence."""
    inner = [
        word for word in _CAPITAL.finditer(text) if not _START.search(text[: word.start()][-8:])
    ]
    capital = [word[0] for word in inner if word[0][0].isupper()]
    if len(inner) > 5 and len(capital) / len(inner) > _CAPITALISED_LANGUAGE:
        return []
    return [
        word
        for word in dict.fromkeys(capital)
        if len(word) > 2 and not word.isupper() and word.casefold() not in _NO_NAME
    ]

"""Numbers and names of an answer that stand in nothing it was made from.

Numbers count as equal across their spelling: `1,000` and `1000`, `thirty` and `30`, `half an hour`
and `30 minutes`, `two weeks` and `14 days`, `9 pm` and `21:00`. Names are capitalised words
within a sentence; in headings, and in languages that capitalise more than names, they are not
looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from almanac.core.stems import words
from almanac.guards.spans_of_time import named_days, other_units, parts_of_dates
from schemas.text import nfkc

_CITED = re.compile(r"\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]")
_LISTED = re.compile(r"^[^\S\n]{0,8}[#*_>( -]{0,8}\d{1,2}[.)][*_]{0,2}\s", re.M)
_STEP = re.compile(r"(?<!\w)(?:step|option|шаг\w*|вариант\w*) \d{1,2}(?!\w|[.,]\d)", re.IGNORECASE)
# Capitals of a title. Blanks of its own line alone: over many empty lines each would look at all.
_HEADING = re.compile(r"^[^\S\n]*(?:#{1,6} .*|\*\*[^*\n]+\*\*:?)[^\S\n]*$", re.M)
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
    "mon tue wed thu fri sat sun jan feb mar apr jun jul aug sep sept oct nov dec "
    "yes no note important ok okay i'm i've i'll i'd i’m i’ve i’ll i’d "
    "понедельник вторник среда четверг пятница суббота воскресенье да нет важно "
    "вас вам вами ваш ваша ваше ваши вашу вашей вашего вашему вашим вашем ваших вашими"
)
_NO_NAME = frozenset(_OTHERS.split())
_CAPITALISED_LANGUAGE = 0.34  # of the words within sentences; German nouns come to this


class Sources:
    """What an answer was made from: passages, question, earlier turns."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = tuple(texts)

    @cached_property
    def _text(self) -> str:
        return nfkc("\n".join(self._texts)).casefold().replace("ё", "е")

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Every number that they say, in figures or words."""
        implied = {one for form, some in _IMPLIED if form.search(self._text) for one in some}
        told = {*other_units(self._text, _value), *named_days(self._text)}
        return frozenset(_figures(self._text) | _spelt(self._text) | implied | told)

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
    written = _CITED.sub(" ", answer)
    text = _STEP.sub(" ", _LISTED.sub(" ", written))
    plain = nfkc(text).casefold().replace("ё", "е")
    numbers = [one for one in sorted(_figures(plain)) if not _is_told(one, sources)]
    return numbers + [
        name
        for name in _names(_LISTED.sub(" ", _HEADING.sub(" ", written)))
        if not sources.has_name(name)
    ]


def _is_told(number: str, sources: Sources) -> bool:
    if number in sources.numbers or float(number) in (0.0, 1.0):
        return True
    known = (float(one) for one in sources.numbers)
    return any(float(number) == one for one in known)


def _figures(text: str) -> set[str]:
    """Of `1,250.00` the whole is the number, and not its parts; of a date its parts are."""
    hours = {str(int(hour) % 12 + 12) for hour in _PM.findall(text)}
    rest, found = parts_of_dates(text)
    for one in _NUMBER.findall(rest):
        whole = _GROUPS.sub("", one).replace(",", ".")
        found.add(whole if "." in whole else whole.lstrip("0") or "0")
    return found | hours


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

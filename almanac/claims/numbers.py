"""Numbers, measures, clock times and dates of a text, in whatever format they are written.

`1,200` and `1 200` are 1200, `1,5` and `1.5` are 1.5; `two weeks` are 14 days; `2 p.m.` is 14:00;
`5 февраля 1953 г.`, `February 5, 1953`, `05.02.1953` and `1953-02-05` are one date.
"""

from __future__ import annotations

import re
from functools import lru_cache

from almanac.claims.number_words import (
    ENGLISH,
    MULTIPLIERS,
    ORDINALS,
    RUSSIAN_ORDINALS,
    UNITS,
    VAGUE,
    russian_number,
)
from almanac.claims.quantity import HALF_DAY, Quantity
from almanac.claims.written import in_figures

_MONTHS = (
    "jan(?:uary)?|январ[ьяе]",
    "feb(?:ruary)?|феврал[ьяе]",
    "mar(?:ch)?|март[ае]?",
    "apr(?:il)?|апрел[ьяе]",
    "may|ма[йяе]",
    "june?|июн[ьяе]",
    "july?|июл[ьяе]",
    "aug(?:ust)?|август[ае]?",
    "sept?(?:ember)?|сентябр[ьяе]",
    "oct(?:ober)?|октябр[ьяе]",
    "nov(?:ember)?|ноябр[ьяе]",
    "dec(?:ember)?|декабр[ьяе]",
)
_MONTH = "|".join(_MONTHS)
_DATES = (
    re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})\b"),
    re.compile(r"\b(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>\d{4}|\d{2})\b"),
    re.compile(
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<m>{_MONTH})\b\.?,?(?: (?P<y>\d{{4}}))?"
    ),
    re.compile(
        rf"\b(?P<m>{_MONTH})\b\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,? (?P<y>\d{{4}}))?"
    ),
)
_ORDINAL = re.compile(
    rf"\b([^\W\d_]+)(?= (?:of )?(?:{_MONTH})\b| (?:and|и) [^\W\d_]+ (?:{_MONTH})\b)"
)
_BOTH = re.compile(rf"\b(\d{{1,2}}) (?:and|и) (?=\d{{1,2}} (?P<m>{_MONTH})\b)")
# What a text denies: `15 %, not 5`, `30 instead of 20`.
_DENIED = re.compile(
    r"\b(?:not|rather than|instead of|вместо|а не|не) (?:the |just |only |about )?"
    r"(?=\d|(?:[^\W\d_]+ ){0,1}(?:percent|days?|hours?|weeks?))[£$€]?[\d.,]*\w*"
)
_CLOCK = re.compile(
    r"\b(?P<h>\d{1,2})[:](?P<min>\d{2})(?: ?(?P<half>[ap]\.?m\b\.?))?"
    r"|\b(?P<h2>\d{1,2}) ?(?P<half2>[ap]\.?m\b\.?)"
    r"|\b(?P<word>noon|midday|midnight|полдень|полудня|полночь|полуночи)\b"
)
_RANKS = re.compile(r"\b\d+(?:st|nd|rd|th| (?:й|я|е|го|му|ый|ая|ое))\b")
_NAMED = {"noon": 720, "midday": 720, "полдень": 720, "полудня": 720}
_PIECE = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[%£$€₽°]")
_GROUPS = re.compile(r"(?<=\d)[  ](?=\d{3}(?!\d))")
_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_POINTS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d{1,2}")  # 1.200,50
_BEFORE = "£$€₽"


@lru_cache(maxsize=4_096)
def quantities(text: str, claimed: bool = False) -> tuple[Quantity, ...]:
    """Every number of a text in order, dates and clock times first; ordinals are left out.

    claimed: without those that the text denies, as 5 in `15 %, not 5`.
    """
    plain = in_figures(text)
    plain = _DENIED.sub(" ; ", plain) if claimed else plain
    plain = _BOTH.sub(r"\1 \g<m> ", _ORDINAL.sub(_as_digits, plain))
    found: list[Quantity] = []
    for pattern in _DATES:
        for one in pattern.finditer(plain):
            if (date := _date(one)) is not None:
                found.append(date)
                found += [Quantity(float(one["y"]))] if len(one["y"] or "") == 4 else []
        plain = pattern.sub(" ; ", plain)
    plain = plain.replace("-", " ")
    found += map(_clock, _CLOCK.finditer(plain))
    plain = _RANKS.sub(" ; ", _CLOCK.sub(" ; ", plain))
    return tuple(dict.fromkeys([*found, *_plain(_PIECE.findall(_GROUPS.sub("", plain)))]))


def _as_digits(found: re.Match[str]) -> str:
    word = found[1]
    value = ORDINALS.get(word) or next((v for p, v in RUSSIAN_ORDINALS if p.fullmatch(word)), 0)
    return str(value or word)


def _date(found: re.Match[str]) -> Quantity | None:
    month = found["m"]
    number = (
        int(month)
        if month.isdigit()
        else next(at for at, one in enumerate(_MONTHS, 1) if re.fullmatch(one, month))
    )
    day, year = int(found["d"]), int(found["y"] or 0)
    year += 2000 if 0 < year < 70 else 1900 if 70 <= year < 100 else 0
    if not (1 <= number <= 12 and 1 <= day <= 31):
        return None
    other = -1.0
    if "/" in found[0] and day <= 12:  # nobody can tell which of the two is the month
        other = float(year * 10_000 + day * 100 + number)
    return Quantity(float(year * 10_000 + number * 100 + day), "date", other=other)


def _clock(found: re.Match[str]) -> Quantity:
    """Without a.m. or p.m. 5:00 may be in the afternoon; 05:00 is not."""
    value, hour = _minutes(found), found["h"] or "0"
    is_open = not found["half"] and hour[0] != "0" and int(hour) <= 12
    return Quantity(value, "clock", other=(value + HALF_DAY) % 1440 if is_open else -1.0)


def _minutes(found: re.Match[str]) -> float:
    if word := found["word"]:
        return float(_NAMED.get(word, 0))
    hour, minute = int(found["h"] or found["h2"]), int(found["min"] or 0)
    half = (found["half"] or found["half2"] or "")[:1]
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    return float(hour * 60 + minute)


def _plain(pieces: list[str]) -> list[Quantity]:
    """Numbers outside of dates and clock times, each with the unit that stands beside it."""
    found: list[Quantity] = []
    at = ended = 0
    while at < len(pieces):
        value, after = _number(pieces, at)
        following = pieces[at + 1] if at + 1 < len(pieces) else ""
        # `10 a month` is a rate, `a month` is a time.
        rate = bool(found) and at == ended
        rate |= bool(at) and pieces[at - 1] == "once"
        is_loose = value in (0.0, 1.0) and after == at + 1
        if value is None and pieces[at] in _ONE and _SPANS.fullmatch(following) and not rate:
            value, after, is_loose = 1.0, at + 1, True
        if value is None:
            at += 1
            continue
        before = pieces[at - 1] if at and pieces[at - 1] in _BEFORE else ""
        measure, factor, ended = _unit(pieces, after, before)
        works = measure == "second" and not _WORKING.isdisjoint(pieces[after:ended])
        if pieces[at] == "полчаса":
            measure, factor = "second", 3600.0
        if not measure and after == at + 1 and pieces[at] in VAGUE:
            if pieces[at] != "one" and following not in ("past", "an", "a"):
                found.append(Quantity(50.0, "percent"))
            at += 1
            continue
        last = found[-1] if found and at and pieces[at - 1] in _LINKS else None
        is_loose &= value == 0 or not measure or pieces[at] in _ONE
        other = value * factor * 1.4 if works else -1.0
        quantity = Quantity(value * factor, measure, value, other, is_loose)
        if last and measure and last.measure == measure and quantity.value < last.value:
            found[-1] = Quantity(last.value + quantity.value, measure)  # 1 hour and 30 minutes
        else:
            found.append(quantity)
        at = ended = max(ended, at + 1)
    return found


_WORKING = {"working", "business", "рабочих", "рабочие"}
_LINKS = {"and", "и", "h", "hour", "hours", "час", "часа", "часов", "week", "weeks"}
# A unit of time after `a` is one of it; `half an hour` is half of one.
_ONE = {"a", "an"}
_SPANS = re.compile(r"minute|hour|day|week|fortnight|month|year|decade|century")


def _number(pieces: list[str], at: int) -> tuple[float | None, int]:
    """The number that begins at a piece, and where it ends; None where none does."""
    total: float | None = None
    while at < len(pieces):
        word = pieces[at]
        step = _digits(word) if word[0].isdigit() else ENGLISH.get(word, russian_number(word))
        step = None if word == "dozen" and total is not None else step  # two dozen
        if step is not None:
            if total is not None and (word[0].isdigit() or not _joins(total, step)):
                break
            total = step if total is None else total + step
        elif total is not None and (times := _multiplier(word)):
            total *= times
        elif word == "and" and total is not None and total % 100 == 0 and _small(pieces, at + 1):
            pass  # two hundred and fifty
        else:
            break
        at += 1
    return total, at


def _small(pieces: list[str], at: int) -> bool:
    word = pieces[at] if at < len(pieces) else "."
    return 1 <= ENGLISH.get(word, 0) < 100


def _joins(total: float, step: float) -> bool:
    """May a number word go on from another: twenty five, сто двадцать, three thousand two?"""
    return (step < 10 <= total < 100 and total % 10 == 0) or 1 <= step < 100 <= total


def _digits(word: str) -> float:
    if _COMMAS.fullmatch(word):
        return float(word.replace(",", ""))
    if _POINTS.fullmatch(word):
        return float(word.replace(".", "").replace(",", "."))
    if word.count(",") == 1 and "." not in word:
        return float(word.replace(",", "."))
    parts = word.replace(",", ".").split(".")
    return float(".".join(parts[:2])) if len(parts) == 2 else float("".join(parts))


def _multiplier(word: str) -> float:
    return next((times for pattern, times in MULTIPLIERS if pattern.fullmatch(word)), 0.0)


_BETWEEN = {"working", "business", "calendar", "full", "whole", "consecutive", "рабочих", "рабочие"}
_BETWEEN |= {"календарных", "полных", "more", "further", "paid"}


def _unit(pieces: list[str], at: int, before: str) -> tuple[str, float, int]:
    """The measure of a number, how many of it its unit is, and where the unit ends."""
    if before:
        _, measure, factor = next(one for one in UNITS if one[0].fullmatch(before))
        if pieces[at : at + 1] in (["m"], ["b"]):  # £1.5m
            return measure, factor * (1e6 if pieces[at] == "m" else 1e9), at + 1
        return measure, factor, at
    word = pieces[at] if at < len(pieces) else ""
    if word == "or" and pieces[at + 1 : at + 2] in (["more"], ["less"], ["fewer"]):
        at += 2
        word = pieces[at] if at < len(pieces) else ""
    if word == "per" and pieces[at + 1 : at + 2] == ["cent"]:
        return "percent", 1.0, at + 2
    if word in {"a", "an"} and pieces[at - 1] == "half":
        at += 1
        word = pieces[at] if at < len(pieces) else ""
    if word in _BETWEEN and at + 1 < len(pieces):
        at += 1
        word = pieces[at]
    for pattern, measure, factor in UNITS:
        if word and pattern.fullmatch(word):
            if measure == "degree" and pieces[at + 1 : at + 2] in (["f"], ["fahrenheit"]):
                return "fahrenheit", factor, at + 2
            return measure, factor, at + 1
    return "", 1.0, at

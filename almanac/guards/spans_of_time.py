"""Numbers that a text says in another form: two weeks are 14 days, 15 May is 15.05."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_UNITS = {"minute": r"minute|минут", "hour": r"hour|час(?!т)", "day": r"day|дн|день|суток|сутки"}
_UNITS |= {"week": r"week|недел", "month": r"month|месяц", "year": r"year|год|лет(?!\w)"}
_SIZES = (("week", "day", 7), ("day", "hour", 24), ("hour", "minute", 60), ("year", "month", 12))
_AMOUNT = re.compile(
    r"(?<![\w.,])(\w+)[ -](?:(?:working|calendar|business|full|рабоч\w+|календарн\w+|полн\w+) )?"
    r"(?:" + "|".join(f"(?P<{unit}>{form})" for unit, form in _UNITS.items()) + ")"
)
_MONTHS = (
    *("jan|янв", "feb|фев", "mar|мар", "apr|апр", "may|ма[йя]", "jun|июн"),
    *("jul|июл", "aug|авг", "sep|сен", "oct|окт", "nov|ноя", "dec|дек"),
)
_NAMED = "|".join(f"(?P<m{number}>{form})" for number, form in enumerate(_MONTHS, 1))
_DAY = re.compile(
    rf"(?<!\w)(?:(?P<before>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?:{_NAMED})"
    rf"|(?:{re.sub('<m', '<n', _NAMED)})[a-z]*\.? (?P<after>\d{{1,2}})(?!\d))"
)
_DATE = re.compile(r"(?<![\d.])(\d{1,2})[./](\d{1,2})[./]((?:19|20)\d{2}|\d{2})(?![\d.]\d)")


def other_units(text: str, value: Callable[[str], int | None]) -> Iterator[str]:
    """Whole numbers of the next unit for each span of time; `value` reads a number in words."""
    for found in _AMOUNT.finditer(text):
        number = int(found[1]) if found[1].isdecimal() else value(found[1])
        unit = next(unit for unit in _UNITS if found[unit])
        for large, small, size in _SIZES:
            if number and unit == large:
                yield str(number * size)
            if number and unit == small and number % size == 0:
                yield str(number // size)


def named_days(text: str) -> Iterator[str]:
    """`15 December` as a date in figures has it: `15.12` and `12`."""
    for found in _DAY.finditer(text):
        day = int(found["before"] or found["after"])
        month = next(n for n in range(1, 13) if found[f"m{n}"] or found[f"n{n}"])
        yield from (str(month), f"{day}.{month:02}", f"{day:02}.{month:02}")


def parts_of_dates(text: str) -> tuple[str, set[str]]:
    """The text without `15.12.2026` and its like; day, month and year of those."""
    found = {str(int(part)) for one in _DATE.findall(text) for part in one}
    return _DATE.sub(" ", text), found

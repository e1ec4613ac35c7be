"""One amount of a text, and which others are the same."""

from __future__ import annotations

from dataclasses import dataclass

HALF_DAY = 720.0  # minutes
# Units of these are converted into each other only about: 5 miles are 8 km.
_CONVERTED = {"metre", "gram", "litre", "byte"}
_ABOUT = 0.025
_DAY = 86400.0
_MONTH_DAYS = (28.0, 31.0)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with what it measures: a unit of `number_words.UNITS`, `clock` (minutes of the day),
    `date` (as a number yyyymmdd; year 0 where none is said), or nothing.

    said: the number as it stands there, without its unit. other: what it may mean, too: 5:00 may be
    17:00, 2/5/2024 either day, and ten working days two weeks. is_loose: another text that says the
    same may well do so without any number, as for `a week`, `one manager` or `0 days`.
    """

    value: float
    measure: str = ""
    said: float = -1.0
    other: float = -1.0
    is_loose: bool = False

    def equals(self, other: Quantity) -> bool:
        """The same amount; one without a measure equals the same number of anything.

        Where a reader could not tell two amounts apart for sure, they are the same: a month and 30
        days, 5 miles and 8 km.
        """
        measures = {self.measure, other.measure}
        if measures == {"date"}:
            return any(_same_date(one, two) for one in self._values for two in other._values)
        if measures == {"clock", ""}:
            hour, clock = (other, self) if self.measure else (self, other)
            return hour.value <= 24 and (clock.value - hour.value * 60) % HALF_DAY == 0
        if measures == {"second", "month"}:
            days, months = (self, other) if self.measure == "second" else (other, self)
            least, most = (each * months.value * _DAY for each in _MONTH_DAYS)
            return any(least <= one <= most for one in days._values)
        if measures == {"degree", "fahrenheit"}:
            cold, warm = (self, other) if self.measure == "degree" else (other, self)
            converted = abs(cold.value * 1.8 + 32 - warm.value) <= 1
            return converted or _same(cold.value, warm.value)
        if self.measure and other.measure:
            same = any(_same(one, two) for one in self._values for two in other._values)
            return self.measure == other.measure and (same or self._is_about(other))
        return _same(self.number, other.number)

    @property
    def _values(self) -> tuple[float, ...]:
        return (self.value,) if self.other < 0 else (self.value, self.other)

    @property
    def number(self) -> float:
        """The number as it stands in the text."""
        return self.value if self.said < 0 else self.said

    def comparable(self, other: Quantity) -> bool:
        """Are both amounts of the same kind? Days and months both are time."""
        kinds = {self.measure, other.measure}
        return len(kinds) == 1 or kinds in ({"second", "month"}, {"degree", "fahrenheit"})

    def _is_about(self, other: Quantity) -> bool:
        """The same amount by units of two kinds, as people round it."""
        if self.measure not in _CONVERTED or not self.number or not other.number:
            return False
        if _same(self.value / self.number, other.value / other.number):
            return False  # of the same unit
        return abs(self.value - other.value) <= _ABOUT * max(self.value, other.value)


def _same_date(one: float, other: float) -> bool:
    years = {int(one) // 10_000, int(other) // 10_000} - {0}
    return int(one) % 10_000 == int(other) % 10_000 and len(years) < 2


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-6 * max(1.0, abs(one))

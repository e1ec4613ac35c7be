"""Logical times: parsed once at the edge, UTC from there on."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from schemas.errors import ConfigError

When = datetime | int  # an instant, or the number of a release
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!\d)")
_RELEASE = re.compile(r"[rR]?0*([1-9][0-9]{0,6})|[rR]([0-9]{8,})")


def parse_as_of(text: str) -> When:
    """Read what names a release: its number (12 or r12), a date or a timestamp.

    Eight digits are a date (20260303). Raises ConfigError as `parse_when` does.
    """
    value = text.strip()
    if found := _RELEASE.fullmatch(value):
        return int(found[1] or found[2])
    try:
        return parse_when(value)
    except ConfigError as error:
        raise ConfigError(f"{error}, nor the number of a release (12 or r12)") from None


def as_when(value: str | date | datetime | int | None) -> When | None:
    """Any of the ways to name a release, read as `parse_as_of` does; None stays None."""
    if isinstance(value, str):
        return parse_as_of(value)
    if value is None or isinstance(value, int):
        return value
    return as_utc(value) if isinstance(value, datetime) else end_of_day(value)


def parse_when(text: str) -> datetime:
    """Read a date or a timestamp as a UTC instant.

    A bare date means its last microsecond, UTC. A timestamp without an offset is taken as UTC; one
    with an offset is converted.

    Raises:
        ConfigError: `text` is neither.
    """
    value = text.strip()
    try:
        return end_of_day(date.fromisoformat(value))
    except ValueError:
        pass
    try:
        return as_utc(datetime.fromisoformat(value))
    except ValueError:
        if _DAY.match(value):
            raise ConfigError(f"{text!r} is neither a date nor a time of the calendar") from None
        raise ConfigError(
            f"{text!r} is neither a date (2026-03-03) nor a timestamp (2026-03-03T02:00:00+01:00)"
        ) from None


def parse_since(text: str) -> datetime:
    """As `parse_when`, but a bare date means its first instant. Raises ConfigError."""
    moment = parse_when(text)
    is_day = len(text.strip()) == len("2026-03-03")
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) if is_day else moment


def parse_time_of_day(text: str) -> time | None:
    """Read `02:00` or `02:00:30`; None for an empty text.

    Raises:
        ConfigError: it is no time of day.
    """
    try:
        return time.fromisoformat(text.strip()).replace(tzinfo=None) if text.strip() else None
    except ValueError:
        raise ConfigError(f"{text!r} is no time of day; right is 02:00, in UTC") from None


def end_of_day(day: date) -> datetime:
    """The last microsecond of `day`, UTC."""
    return datetime.combine(day, time.min, UTC) + timedelta(days=1, microseconds=-1)


def first_instant(day: date | None) -> datetime | None:
    """The first instant of `day`, UTC; None stays None."""
    return None if day is None else datetime.combine(day, time.min, UTC)


def last_instant(day: date | None) -> datetime | None:
    """The last microsecond of `day`, UTC; None stays None."""
    return None if day is None else end_of_day(day)


def as_utc(moment: datetime) -> datetime:
    """`moment` in UTC; one without an offset is taken to be UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def isoformat(moment: datetime) -> str:
    """The one spelling of an instant in output: UTC, with a `Z`, fractions only where present."""
    return as_utc(moment).isoformat().replace("+00:00", "Z")


def minute(moment: datetime | str) -> str:
    """A time, or one as `isoformat` spells it, as people read it: `2026-11-30 02:00 UTC`."""
    utc = as_utc(datetime.fromisoformat(moment) if isinstance(moment, str) else moment)
    return f"{utc:%Y-%m-%d %H:%M} UTC"

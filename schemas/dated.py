"""Addresses that name the time they speak for: `docs/{date}`, `s3://bucket/{as_of:%Y/%m/%d}`.

`{date}` is the day of the run's logical time in the configured `time_zone` (UTC unless set), and
`{as_of:…}` the same as strftime writes it. A logical time that was given as a date alone, which is
that day's last instant in UTC, means that day in every zone. A brace that is meant is written
twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from string import Formatter
from zoneinfo import ZoneInfo

from schemas.errors import ConfigError
from schemas.secrets import redacted
from schemas.times import as_utc, end_of_day

# Of strftime: what is a number in every locale.
_FORMAT = re.compile(r"(?:[^%]|%[YmdHMSjyGVu%])+")
_NAMES_A_TIME = re.compile(r"%[^%]")
_RIGHT = "{date} (2026-03-04) or {as_of:%Y/%m/%d} (strftime, numbers only); {{ is a brace"


def is_dated(uri: str) -> bool:
    """Does the address name another place for another time? Raises as `resolved` does."""
    return any(shape for _, shape in _parts(uri))


def local_time(moment: datetime, zone: str) -> datetime:
    """A logical time as addresses write it: in the zone, but a date alone stays that date."""
    at = as_utc(moment)
    return at if at == end_of_day(at.date()) else at.astimezone(ZoneInfo(zone))


def resolved(uri: str, moment: datetime, zone: str = "UTC") -> str:
    """The address as it is for a logical time, its days those of a time zone.

    Raises:
        ConfigError: a brace holds something else than a date.
    """
    at = local_time(moment, zone)
    return "".join(text + at.strftime(shape) for text, shape in _parts(uri))


def _parts(uri: str) -> Iterator[tuple[str, str]]:
    """Each literal text with the strftime format after it, which may be empty."""
    try:
        for text, field, spec, conversion in Formatter().parse(uri):
            yield text, "" if field is None else _shape(uri, field, spec or "", conversion)
    except ValueError as error:  # a brace without its other half
        raise ConfigError(f"the source {redacted(uri)}: {error}; right is {_RIGHT}") from None


def _shape(uri: str, field: str, spec: str, conversion: str | None) -> str:
    if field == "date" and not spec and not conversion:
        return "%Y-%m-%d"
    right = _FORMAT.fullmatch(spec) and _NAMES_A_TIME.search(spec)
    if field == "as_of" and right and not conversion:
        return spec
    found = redacted(field) + (f"!{conversion}" if conversion else "")
    found += f":{redacted(spec)}" if spec else ""
    raise ConfigError(f"the source {redacted(uri)} holds {{{found}}}; right is {_RIGHT}")

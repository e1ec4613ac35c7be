"""The storage format of a lakehouse: a number in `format.json`, written before anything else.

What version 0.1.0 wrote has no such file; it is format 1. A lakehouse of an earlier format is read
as it is, and upgraded by the next writer; one of a later format is refused.
"""

from __future__ import annotations

import json
from pathlib import Path

from lakehouse.files import Files
from lakehouse.location import Location
from schemas.errors import AlmanacError, FormatTooNew

FORMAT = 2  # what this version writes; `lakehouse.upgrades` leads to it
FILE = "format.json"


def stored_format(location: Location, again: bool = False) -> int:
    """The format of a lakehouse; asked once an opened lakehouse, unless `again`.

    Raises:
        AlmanacError: the file holds no number.
    """
    if again or "format" not in location.known:
        data = _read(location)
        try:
            location.known["format"] = 1 if data is None else int(json.loads(data)["format"])
        except (ValueError, KeyError, TypeError):
            raise AlmanacError(
                f"{location.child(FILE)} names no storage format: take it from a backup"
            ) from None
    return location.known["format"]


def check_format(location: Location) -> None:
    """Raise FormatTooNew where a later version wrote the lakehouse in a way not known here."""
    if (number := stored_format(location)) > FORMAT:
        raise FormatTooNew(
            f"the lakehouse at {location.uri} has storage format {number}, and this version of "
            f"Almanac knows formats up to {FORMAT}: update Almanac"
        )


def check_release_format(seq: int, number: int) -> None:
    """The same for one release."""
    if number > FORMAT:
        raise FormatTooNew(
            f"release {seq} was written in storage format {number}, and this version of Almanac "
            f"knows formats up to {FORMAT}: update Almanac"
        )


def write_format(location: Location, number: int) -> None:
    """Store the number: the lakehouse is of that format from here on."""
    Files(location).write(FILE, json.dumps({"format": number}).encode())
    location.known["format"] = number


def _read(location: Location) -> bytes | None:
    try:
        if "://" in location.uri:
            return Files(location).read(FILE)
        return (Path(location.uri) / FILE).read_bytes()
    except FileNotFoundError:
        return None

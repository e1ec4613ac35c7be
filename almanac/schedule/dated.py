"""Sources whose address names the day: which they are, and what they hold for one time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from almanac.sources.address import redacted
from almanac.sources.reading import list_source
from schemas.dated import is_dated, local_time, resolved
from schemas.documents import Listing
from schemas.errors import SourceAbsent, SourceUnavailable
from schemas.settings import Settings, SourceSettings
from schemas.times import isoformat


def dated_names(settings: Settings) -> frozenset[str]:
    """The sources whose address names a time."""
    return frozenset(
        name
        for name, one in settings.sources.items()
        if is_dated(one.uri) or is_dated(str(one.options.get("ref", "")))
    )


def settings_at(settings: Settings, at: datetime) -> Settings:
    """These settings with every source's address as it is for a logical time.

    Raises:
        ConfigError: a brace in an address holds something else than a date.
    """
    zone = settings.time_zone
    sources = {
        name: one.model_copy(update={"uri": resolved(one.uri, at, zone)} | _ref_at(one, at, zone))
        for name, one in settings.sources.items()
    }
    return settings.model_copy(update={"sources": sources})


def _ref_at(source: SourceSettings, at: datetime, zone: str) -> dict[str, Any]:
    """The ref of a repository, which may name a time too."""
    if "ref" not in source.options:
        return {}
    return {"options": source.options | {"ref": resolved(str(source.options["ref"]), at, zone)}}


def lost_day(settings: Settings, due: Iterable[datetime], zone: str) -> str:
    """Why a schedule loses days of a dated source, or reads them twice; empty where it does not.

    Args:
        due: the times at which the schedule is due, a year of them.
        zone: the schedule's own time zone.
    """
    named = sorted(dated_names(settings))
    for at in due if named else ():
        here, there = local_time(at, settings.time_zone), at.astimezone(ZoneInfo(zone))
        if here.date() != there.date():
            return (
                f"the source {named[0]} names the day, and this schedule is due at "
                f"{there:%Y-%m-%d %H:%M} in {zone}, which is {here:%Y-%m-%d} in "
                f"{settings.time_zone}: days would be read twice or never. Set time_zone = "
                f'"{zone}" in almanac.toml'
            )
    return ""


def list_dated(source: SourceSettings, at: datetime) -> Listing:
    """The files of a dated source, its address resolved for `at`.

    Raises:
        SourceAbsent: there is no such place, or no file in it: that is no empty corpus.
        SourceUnavailable: it cannot be listed for another reason, which may pass.
    """
    reason = "holds no file"
    try:
        listing = list_source(source)
        if listing.files or listing.rejections:
            return listing
    except SourceUnavailable as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        reason = "does not exist"
    raise SourceAbsent(
        f"the source of {isoformat(at)}, {redacted(source.uri)}, {reason}: nothing was changed. "
        "Deliver it and run that time again, or leave the time out"
    )


def absence(settings: Settings, at: datetime) -> str:
    """Why a run could not speak for a time: which dated source is absent; empty where none is.

    Raises:
        SourceUnavailable: a dated source cannot be listed for another reason.
    """
    there = settings_at(settings, at).sources
    for name in sorted(dated_names(settings)):
        try:
            list_dated(there[name], at)
        except SourceAbsent as error:
            return str(error)
    return ""

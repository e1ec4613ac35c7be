"""What can be told before a run is begun: in a second, and before Prefect or a model is loaded.

A run says the same of itself. It is asked beforehand only from a shell, where a person waits. What
may be a fault of the night and not of the person is left to the run, which stores it and raises the
alarms: a configured source that was there once, or storage that does not answer.
"""

from __future__ import annotations

from datetime import UTC, datetime

from almanac.ingest.run import require_sources
from almanac.schedule.dated import dated_names, settings_at
from almanac.schedule.logical_date import refuse_future, refuse_past
from almanac.sources.address import local_path, redacted
from almanac.sources.formats import DEFAULT_GLOBS
from almanac.sources.reading import list_source
from lakehouse import open_lakehouse
from lakehouse.releases import Release
from schemas.errors import SourceUnavailable
from schemas.settings import Settings, SourceSettings

_SHOWN = 8


def refuse_early(
    settings: Settings, source_given: bool, as_of: datetime | None, allow_future: bool
) -> None:
    """Raise what a nightly run with these parameters would raise, as far as that is cheap to tell.

    Args:
        source_given: the source was named for this run, so that the name may be a slip.
    """
    from almanac.embedding.factory import identity_of

    now = datetime.now(UTC)
    if as_of is not None and not allow_future:
        refuse_future(as_of, now)
    require_sources(settings)
    latest = _latest(settings)
    if as_of is not None:
        refuse_past(as_of, latest)
    if settings.embedder.provider == "local":
        identity_of(settings.embedder)
    if source_given or latest is None:
        dated = dated_names(settings)
        for name, source in settings_at(settings, as_of or now).sources.items():
            if name not in dated:
                _refuse_source(source, latest is None)


def _latest(settings: Settings) -> Release | None:
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    return lake.releases(settings.index.name).latest()


def _refuse_source(source: SourceSettings, first: bool) -> None:
    """Raise SourceUnavailable where a folder or file of this machine is not there, or is empty."""
    if source.is_connector or local_path(source.uri) is None:
        return
    listing = list_source(source)
    if listing.files or listing.rejections or not first:
        return
    globs = list(DEFAULT_GLOBS if source.include is None else source.include)
    others = ", ".join(f"{count} .{name}" for name, count in list(listing.unread.items())[:_SHOWN])
    more = f" and {len(globs) - _SHOWN} more" if len(globs) > _SHOWN else ""
    raise SourceUnavailable(
        f"the source {redacted(source.uri)} holds nothing to read: looked for "
        f"{', '.join(globs[:_SHOWN])}{more}; "
        + (f"there are {others}: name them in `include`" if others else "the folder is empty")
    )

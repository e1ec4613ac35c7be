"""A run that reads the sources: what it is told once, its logical time among it."""

from __future__ import annotations

from datetime import datetime

from almanac.core.operation import Operation
from almanac.schedule.dated import dated_names, settings_at
from almanac.sources.registry import check_sources
from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.times import as_utc

PURPOSE = "nightly run"


class Run(Operation):
    """The operation of a night.

    In `settings` the addresses of dated sources, whose names are in `dated`, are those of the
    logical time. `scheduled` says that the time is one of a deployment's schedule, and `schedule`
    is then its key.
    """

    def __init__(
        self,
        settings: Settings,
        logical_time: datetime,
        run_id: str | None = None,
        scheduled: bool = False,
    ) -> None:
        self.logical_time = as_utc(logical_time)
        super().__init__(settings_at(settings, self.logical_time), PURPOSE, run_id)
        self.dated = dated_names(settings)
        self.scheduled = scheduled
        self.schedule = ""
        self.data_docs: dict[str, str] = {}  # where each source's validation can be read


def begin_run(
    settings: Settings, logical_time: datetime, run_id: str | None = None, scheduled: bool = False
) -> Run:
    """Check that there is something to do and begin the run.

    Raises:
        ConfigError: no source is configured, or the address of one is no right template.
    """
    require_sources(settings)
    return Run(settings, logical_time, run_id, scheduled)


def require_sources(settings: Settings) -> None:
    """Raise ConfigError where no source is configured, or one has wrong keys."""
    if not settings.sources:
        raise ConfigError(
            "no source is configured: name one in almanac.toml, as in "
            '[sources.documents] uri = "./docs", or give --source'
        )
    check_sources(settings)

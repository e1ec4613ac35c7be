"""What a run is told once: its settings, its logical time, its name."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from almanac.schedule.dated import dated_names, settings_at
from almanac.sources.registry import check_sources
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.releases import ReleaseLog
from schemas.errors import ConfigError
from schemas.hashing import sha256_parts
from schemas.settings import Settings
from schemas.times import as_utc, isoformat


class Run:
    """One run over one lakehouse.

    In `settings` the addresses of dated sources, whose names are in `dated`, are those of the
    logical time. `scheduled` says that the time is one of a deployment's schedule, and `schedule`
    is then its key.

    A plain class on purpose: Prefect walks into dataclasses and lists that tasks are given.
    """

    def __init__(
        self, settings: Settings, logical_time: datetime, run_id: str, scheduled: bool = False
    ) -> None:
        self.logical_time = as_utc(logical_time)
        self.settings = settings_at(settings, self.logical_time)
        self.dated = dated_names(settings)
        self.run_id = run_id
        self.scheduled = scheduled
        self.schedule = ""
        self.started_at = datetime.now(UTC)
        self.lake: Lakehouse = open_lakehouse(
            settings.lakehouse, settings.storage_options, settings.durability
        )
        self.releases: ReleaseLog = self.lake.releases(settings.index.name)
        self.seconds: dict[str, float] = {}
        self.data_docs: dict[str, str] = {}  # where each source's validation can be read
        self._began = time.perf_counter()

    @property
    def elapsed(self) -> dict[str, float]:
        """Seconds by stage so far, and in all since the run began."""
        return self.seconds | {"total": round(time.perf_counter() - self._began, 3)}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block, in seconds, to `seconds[stage]`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - began
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + passed, 3)


def begin_run(
    settings: Settings, logical_time: datetime, run_id: str | None = None, scheduled: bool = False
) -> Run:
    """Check that there is something to do and name the run.

    `run_id` is Prefect's where there is one; else it is made of the time and the process.

    Raises:
        ConfigError: no source is configured, or the address of one is no right template.
    """
    require_sources(settings)
    named = run_id or sha256_parts(isoformat(logical_time), str(os.getpid()), str(time.time()))[:16]
    return Run(settings, logical_time, named, scheduled)


def require_sources(settings: Settings) -> None:
    """Raise ConfigError where no source is configured, or one has wrong keys."""
    if not settings.sources:
        raise ConfigError(
            "no source is configured: name one in almanac.toml, as in "
            '[sources.documents] uri = "./docs", or give --source'
        )
    check_sources(settings)

"""What `verify` and `doctor` return: plain values, nothing written."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from almanac.core.file_check import Attempt, Progress, no_progress
from almanac.releases.doctor import doctor
from almanac.releases.heal import heal
from almanac.releases.verify import verify
from lakehouse import open_lakehouse
from lakehouse.releases import Release, pick
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import When


def verify_report(
    settings: Settings,
    when: When | None,
    every: bool,
    quick: bool,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Check the release of `when`, what answers now for None, or every one.

    Where the table of releases can't be read, its files are what is reported.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    releases: list[Release] = []
    with Attempt() as attempt:
        history = lake.releases(settings.index.name).history()
        releases = history if every else [pick(history, when, settings.index.name)]
    if attempt.error and isinstance(attempt.error, AlmanacError):
        raise attempt.error
    return _plain(verify(lake, releases, quick, progress))


def doctor_report(
    settings: Settings,
    mend: bool,
    quick: bool,
    run_id: str | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """What is wrong with the lakehouse; what is left after healing, for `mend`."""
    if mend:
        return _plain(heal(settings, quick, run_id))
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    return _plain(doctor(lake, settings.index.name, quick, progress))


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    return result | {"findings": [asdict(finding) for finding in result["findings"]]}

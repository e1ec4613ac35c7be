"""Restoring as a Prefect task, with its page in the UI."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from almanac.releases.pages import restore_page
from almanac.releases.restore import Mode as RestoreMode
from almanac.releases.restore import restore
from schemas.settings import Settings
from schemas.times import When
from tasks import artifacts

__all__ = ["RestoreMode", "restore_release"]


@task(name="restore", cache_policy=NO_CACHE)
def restore_release(
    settings: Settings, when: When, mode: RestoreMode, **parameters: Any
) -> dict[str, Any]:
    """See `almanac.releases.restore`."""
    result = restore(settings, when, mode, **parameters)
    with artifacts.best_effort("The report"):  # it is restored
        artifacts.page("restore-report", restore_page(result), "Restore")
    return result

"""Restoring and retention as Prefect tasks, each with a page in the UI."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from almanac.releases import retention
from almanac.releases.pages import restore_page, retention_page, withdraw_page
from almanac.releases.restore import Mode as RestoreMode
from almanac.releases.restore import restore
from almanac.releases.withdraw import withdraw
from schemas.settings import Settings
from schemas.times import When
from tasks import artifacts

__all__ = [
    "RestoreMode",
    "apply_retention",
    "plan_retention",
    "restore_release",
    "withdraw_release",
]


@task(name="restore", cache_policy=NO_CACHE)
def restore_release(
    settings: Settings, when: When, mode: RestoreMode, **parameters: Any
) -> dict[str, Any]:
    """See `almanac.releases.restore`."""
    result = restore(settings, when, mode, **parameters)
    with artifacts.best_effort("The report"):  # it is restored
        artifacts.page("restore-report", restore_page(result), "Restore")
    return result


@task(name="withdraw", cache_policy=NO_CACHE)
def withdraw_release(
    settings: Settings, seq: int, reason: str, **parameters: Any
) -> dict[str, Any]:
    """See `almanac.releases.withdraw`."""
    result = withdraw(settings, seq, reason, **parameters)
    with artifacts.best_effort("The report"):  # it is taken back
        artifacts.page("withdraw-report", withdraw_page(result), "Withdraw")
    return result


@task(name="plan-retention", cache_policy=NO_CACHE)
def plan_retention(settings: Settings, now: datetime | None) -> dict[str, Any]:
    """See `almanac.releases.retention.plan`."""
    return _shown(retention.plan(settings, now))


@task(name="apply-retention", cache_policy=NO_CACHE)
def apply_retention(settings: Settings, now: datetime | None, run_id: str | None) -> dict[str, Any]:
    """See `almanac.releases.retention.apply`."""
    return _shown(retention.apply(settings, now, run_id))


def _shown(result: dict[str, Any]) -> dict[str, Any]:
    with artifacts.best_effort("The report"):  # what it says is done
        artifacts.page("retention-report", retention_page(result), "Retention")
    return result

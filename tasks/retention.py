"""Retention as Prefect tasks, with their page in the UI."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from almanac.releases import retention
from almanac.releases.pages import retention_page
from schemas.settings import Settings
from tasks import artifacts


@task(name="plan-retention", cache_policy=NO_CACHE)
def plan_retention(settings: Settings, now: datetime | None) -> dict[str, Any]:
    """See `almanac.releases.retention.plan`."""
    return _with_page(retention.plan(settings, now))


@task(name="apply-retention", cache_policy=NO_CACHE)
def apply_retention(settings: Settings, now: datetime | None, run_id: str | None) -> dict[str, Any]:
    """See `almanac.releases.retention.apply`."""
    return _with_page(retention.apply(settings, now, run_id))


def _with_page(result: dict[str, Any]) -> dict[str, Any]:
    with artifacts.best_effort("The report"):  # what it says is done
        artifacts.page("retention-report", retention_page(result), "Retention")
    return result

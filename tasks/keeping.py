"""Restoring and retention as Prefect tasks, each with a page in the UI."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from schemas.settings import Settings
from schemas.times import When
from tasks import showing
from tasks.history import retention
from tasks.history.pages import restore_page, retention_page, withdraw_page
from tasks.history.restore import Mode as RestoreMode
from tasks.history.restore import restore
from tasks.history.withdraw import withdraw

__all__ = [
    "RestoreMode", "apply_retention", "plan_retention", "restore_release", "withdraw_release",
]  # fmt: skip


@task(name="restore", cache_policy=NO_CACHE)
def restore_release(
    settings: Settings, when: When, mode: RestoreMode, **parameters: Any
) -> dict[str, Any]:
    """See `tasks.history.restore`."""
    result = restore(settings, when, mode, **parameters)
    with showing.best_effort("The report"):  # it is restored
        showing.page("restore-report", restore_page(result), "Restore")
    return result


@task(name="withdraw", cache_policy=NO_CACHE)
def withdraw_release(
    settings: Settings, seq: int, reason: str, **parameters: Any
) -> dict[str, Any]:  # fmt: skip
    """See `tasks.history.withdraw`."""
    result = withdraw(settings, seq, reason, **parameters)
    with showing.best_effort("The report"):  # it is taken back
        showing.page("withdraw-report", withdraw_page(result), "Withdraw")
    return result


@task(name="plan-retention", cache_policy=NO_CACHE)
def plan_retention(settings: Settings, now: datetime | None) -> dict[str, Any]:
    """See `tasks.history.retention.plan`."""
    return _shown(retention.plan(settings, now))


@task(name="apply-retention", cache_policy=NO_CACHE)
def apply_retention(
    settings: Settings, now: datetime | None, run_id: str | None
) -> dict[str, Any]:  # fmt: skip
    """See `tasks.history.retention.apply`."""
    return _shown(retention.apply(settings, now, run_id))


def _shown(result: dict[str, Any]) -> dict[str, Any]:
    with showing.best_effort("The report"):  # what it says is done
        showing.page("retention-report", retention_page(result), "Retention")
    return result

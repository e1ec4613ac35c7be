"""Taking back the newest release as a Prefect task, with its page in the UI."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from almanac.releases.pages import withdraw_page
from almanac.releases.withdraw import withdraw
from schemas.settings import Settings
from tasks import artifacts


@task(name="withdraw", cache_policy=NO_CACHE)
def withdraw_release(
    settings: Settings, seq: int, reason: str, **parameters: Any
) -> dict[str, Any]:
    """See `almanac.releases.withdraw`."""
    result = withdraw(settings, seq, reason, **parameters)
    with artifacts.best_effort("The report"):  # it is taken back
        artifacts.page("withdraw-report", withdraw_page(result), "Withdraw")
    return result

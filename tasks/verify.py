"""Verification as a Prefect task, with its page; what stays wrong ends a run as failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from almanac.core.file_check import Attempt
from almanac.releases.checks import verify_report
from almanac.releases.pages import verify_page
from lakehouse import open_lakehouse
from schemas.errors import ConfigError, LeaseHeld, VerificationFailed
from schemas.settings import Settings
from schemas.times import When
from schemas.words import count
from tasks import artifacts

_PATIENCE = 3_600.0  # seconds to wait for a writer, before its work is judged
_FROM = 2  # releases; one takes seconds
_LISTED = 1_000  # findings in the table of a run; its event may not be large

Report = dict[str, Any]


def refuse_both(when: When | None, every: bool) -> None:
    """Raise ConfigError where one release and all of them are asked for."""
    if every and when is not None:
        raise ConfigError("give either one release or every release: clear one of the two")


@task(name="verify", cache_policy=NO_CACHE)
def prove(
    settings: Settings, when: When | None, every: bool, quick: bool, run_id: str | None
) -> Report:
    """See `almanac.releases.checks.verify_report`."""
    progress = artifacts.progress("verify-progress", "releases verified", _FROM)

    def look() -> Report:
        return verify_report(settings, when, every, quick, progress)

    result = undisturbed(settings, "verify", run_id, look)
    artifacts.page("verify-report", verify_page(result), "Verification")
    return list_findings("verify-findings", result)


def sound(result: Report) -> Report:
    """The result itself where nothing is wrong; raises VerificationFailed where something is."""
    findings = result["findings"]
    if not findings:
        return result
    first = findings[0]
    raise VerificationFailed(
        f"{count(len(findings), 'finding')}, the first: {first['where']} {first['reason']}; "
        f"mended by: {first['mend']}"
    )


def undisturbed(
    settings: Settings, purpose: str, run_id: str | None, look: Callable[[], Report]
) -> Report:
    """What is found while nobody writes: work in progress looks like damage.

    Raises:
        LeaseHeld: there are findings, and a writer went on for an hour.
    """
    result = look()
    if result["ok"]:
        return result
    get_run_logger().warning(
        "%s: looking again, while nobody writes", count(len(result["findings"]), "finding")
    )
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    holder, ttl = run_id or purpose, settings.lease.ttl_seconds
    with Attempt() as attempt, lake.lease(holder, purpose, ttl, _PATIENCE):
        result = look()
    if isinstance(attempt.error, LeaseHeld):
        raise attempt.error
    return result  # where the lease itself is damaged, what was found without it


def list_findings(key: str, result: Report) -> Report:
    """Show the findings as a table, if there are any; returns `result` itself."""
    if findings := result["findings"]:
        artifacts.table(key, findings[:_LISTED], count(len(findings), "finding"))
    return result

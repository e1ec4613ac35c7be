"""The doctor as a Prefect task, with its page in the UI."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from almanac.releases.checks import doctor_report
from almanac.releases.pages import doctor_page
from schemas.settings import Settings
from tasks import artifacts
from tasks.verify import Report, list_findings, undisturbed

_FROM = 2  # releases; one takes seconds


@task(name="doctor", cache_policy=NO_CACHE)
def examine(settings: Settings, heal: bool, quick: bool, run_id: str | None) -> Report:
    """See `almanac.releases.checks.doctor_report`."""
    progress = artifacts.progress("doctor-progress", "open releases looked at", _FROM)

    def look() -> Report:
        return doctor_report(settings, heal, quick, run_id, progress)

    result = look() if heal else undisturbed(settings, "doctor", run_id, look)
    artifacts.page("doctor-report", doctor_page(result), "Doctor")
    return list_findings("doctor-findings", result)

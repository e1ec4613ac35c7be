"""What a nightly run shows in the Prefect UI: its page, tables, links and picture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from almanac.ingest import page, pictures
from almanac.ingest.ingested import Ingested
from almanac.ingest.run import Run
from lakehouse.quarantine import Quarantined
from lakehouse.releases import Release
from tasks import artifacts, next_steps

_KEY = "nightly-report"


def show_night(run: Run, result: Mapping[str, Any], found: Ingested | None) -> None:
    """The page of a run that came to its end, its tables, and the picture of the nights before.

    What cannot be shown is logged and stops no run.
    """
    with artifacts.best_effort("The report"):
        releases = run.releases.history()
        steps = next_steps.after_night(result, artifacts.form)
        markdown = page.night_page(result, steps, releases, artifacts.run_link)
        artifacts.page(_KEY, markdown, "Nightly")
        if artifacts.has_ui():  # else nobody could look at it
            _links(run)
            _tables(releases, found.quarantined.standing if found else [])
    with artifacts.best_effort("The picture of the last nights"):
        if artifacts.has_ui():
            _picture(run, result)


def show_stopped(result: Mapping[str, Any], error: Exception) -> None:
    """The page of a run that was refused or failed, before it published or after."""
    with artifacts.best_effort("The report"):
        if result["published"]:
            steps = next_steps.after_failed_report(result["release"])
        else:
            steps = next_steps.after_failed_night(error, artifacts.form)
        artifacts.page(_KEY, page.night_page(result, steps), "Nightly")


def _links(run: Run) -> None:
    for source, url in run.data_docs.items():
        if url.startswith("http"):
            key = "data-docs"
            if len(run.settings.sources) > 1:
                key += "-" + re.sub("[^a-z0-9]+", "-", source.lower()).strip("-")
            about = "Great Expectations' page of the validation"
            artifacts.link(key, url, f"Data Docs of {source}", about)


def _tables(releases: list[Release], standing: list[Quarantined]) -> None:
    if standing:
        rows = page.quarantine_rows(standing)
        artifacts.table("quarantine", rows, "Rows in quarantine", "almanac quarantine list")
    rows = page.release_rows(releases, artifacts.run_url)
    artifacts.table("releases", rows, "Releases, newest first", "almanac history")


def _picture(run: Run, result: Mapping[str, Any]) -> None:
    nights = pictures.nights(run.lake, run.settings.index.name, result)
    if len(nights) > 1:
        artifacts.picture("nights", pictures.draw(nights), f"The last {len(nights)} nights")

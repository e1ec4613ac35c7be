"""Taking in feedback and triage as Prefect tasks, each with its page in the UI."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from almanac.feedback import pages as feedback_pages
from almanac.feedback.importing import import_feedback
from almanac.triage import pages as triage_pages
from almanac.triage.run import triage
from almanac.tuning.due import due
from lakehouse import open_lakehouse
from schemas.settings import Settings
from tasks import artifacts
from tasks.started import AUTOMATION

_PROGRESS_FROM = 100  # dislikes; fewer take seconds
DUE = "almanac.feedback.tune-due"  # the event that starts a tune; prefect.yaml names it too


@task(name="import-feedback", cache_policy=NO_CACHE)
def take_feedback(
    settings: Settings, log: str | None, votes: str | None, run_id: str | None
) -> dict[str, Any] | None:
    """See `almanac.feedback.importing`; None where no log is named or configured."""
    log, votes = log or settings.feedback.log, votes or settings.feedback.votes
    if not log and not votes:
        get_run_logger().info("No log is configured: what the application logged itself is there")
        return None
    taken = import_feedback(settings, log, votes, run_id)
    artifacts.page("feedback-report", feedback_pages.import_page(taken), "Feedback")
    return taken


@task(name="triage", cache_policy=NO_CACHE)
def triage_dislikes(
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    everything: bool,
    run_id: str | None,
) -> dict[str, Any]:
    """See `almanac.triage.run`."""
    progress = artifacts.progress("triage-progress", "dislikes looked into", _PROGRESS_FROM)
    found = triage(settings, start, end, run_id, everything, progress)
    artifacts.page("triage-report", triage_pages.triage_page(found), "Why disliked answers failed")
    artifacts.table(
        "triage-work-list", found["work"], "What to mend, by document", "almanac triage list"
    )
    return found


@task(name="announce-if-due", cache_policy=NO_CACHE)
def announce_if_due(settings: Settings, now: datetime) -> dict[str, Any]:
    """Raise the event that starts a tune where enough is new and the last one rested."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    found = due(lake, settings.tuning, now)
    get_run_logger().info(found.reason)
    follows = "no tune is started"
    if found.ready:
        follows = (
            f"this starts a run of the flow tune, by the automation {AUTOMATION}. To keep it from "
            f"starting: `prefect automation pause {AUTOMATION}`; to stop one: `prefect flow-run "
            "cancel ID`, or Cancel in the UI"
        )
        get_run_logger().warning(f"{found.reason}: {follows}")
        resource = {"prefect.resource.id": f"almanac.index.{settings.index.name}"}
        payload = {"faults": found.faults, "needed": found.needed}
        emit_event(event=DUE, resource=resource, payload=payload)
    said = {"due": found.ready, "faults": found.faults, "reason": found.reason}
    return said | {"follows": follows}

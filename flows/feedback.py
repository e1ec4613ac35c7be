"""Take in requests and votes, find out why each dislike failed, and say if a tune is due."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow, runtime

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import feedback as stages
from tasks.names import run_name


@flow(
    name="feedback",
    flow_run_name=run_name("feedback"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def feedback(
    log: Annotated[forms.Place, forms.named("Requests")] = None,
    votes: Annotated[forms.Place, forms.named("Votes")] = None,
    from_date: Annotated[forms.Day, forms.named("Asked from")] = None,
    to_date: Annotated[forms.Day, forms.named("Asked until")] = None,
    triage_again: Annotated[bool, forms.named("Look into all dislikes again")] = False,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Import, triage, and start a tune through an automation where enough is new.

    Args:
        log: A file or folder of requests, read instead of the configured one.
        votes: A file of votes, read instead of the configured one.
        from_date: Triage only what was asked on this day (UTC) or later.
        to_date: Triage only what was asked on this day (UTC) or before.
        triage_again: Also into those of which nothing changed since the last time.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    start, end = forms.window(from_date, to_date)
    settings = settings_for(config, lakehouse)
    run_id = runtime.flow_run.id
    taken = stages.take_feedback(settings, log, votes, run_id)
    found = stages.triage_dislikes(settings, start, end, triage_again, run_id)
    said = stages.announce_if_due(settings, datetime.now(UTC))
    return {"import": taken, "triage": found, "tune": said}

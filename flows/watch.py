"""Look for drift in documents, questions and answers, and start what mends it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow, runtime

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import watch as stages
from tasks.names import run_name


@flow(
    name="watch",
    flow_run_name=run_name("watch"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def watch(
    as_of: Annotated[forms.Moment, forms.named("As of")] = None,
    dry_run: Annotated[bool, forms.named("Only look")] = False,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Hold the last days against those before; raise an event of each kind that moved.

    Each event starts one flow through an automation, at most once in the cool-down of its kind, and
    none where a later time was watched already. The lease is taken for the moment in which vectors
    of new questions are stored; while another run holds it the watch does without.

    Args:
        as_of: Judge as of then; the run's scheduled start unless given.
        dry_run: Look and show; raise nothing, and leave no row for the cool-down.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    settings = settings_for(config, lakehouse)
    at = as_of or runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    seen = stages.look_for_drift(settings, at)
    due = stages.NOTHING if dry_run else stages.raise_drift(settings, seen, runtime.flow_run.id)
    return stages.show_drift(settings, seen, due)

"""Watching for drift as Prefect tasks: a look, the events that it raises, and its page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from almanac.drift import raising
from almanac.drift.look import Look, look
from almanac.drift.pages import drift_page
from almanac.drift.pictures import drift_picture
from almanac.drift.raising import Raising
from almanac.drift.reactions import EVENTS, REACTIONS
from lakehouse import open_lakehouse
from schemas.settings import Settings
from tasks import artifacts

NOTHING = Raising((), {})


@task(name="look-for-drift", cache_policy=NO_CACHE)
def look_for_drift(settings: Settings, at: datetime) -> Look:
    """See `almanac.drift.look`."""
    seen = look(settings, at)
    for one in seen.seen:
        get_run_logger().info(
            "%s: %s, %s (%d in the window, %d before)",
            one.kind,
            one.state,
            one.reason,
            one.window,
            one.reference,
        )
    return seen


@task(name="raise-drift", cache_policy=NO_CACHE)
def raise_drift(settings: Settings, seen: Look, run_id: str) -> Raising:
    """Leave the look as a row in `runs`, then raise the event of each kind that is due.

    The row comes first: an event is then never raised twice in a cool-down, whatever is repeated.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    name, began = settings.index.name, datetime.now(UTC)
    earlier = raising.earlier_looks(lake, name, seen.at, settings.drift)
    later = raising.later_look(lake, name, seen.at)
    due = raising.decide(seen.seen, seen.at, earlier, settings.drift, later)
    report = seen.to_json() | {
        "purpose": raising.PURPOSE,
        "index": name,
        "raised": list(due.raised),
        "resting": dict(due.resting),
    }
    lake.runs.append(run_id, seen.at, began, datetime.now(UTC), "done", report)
    for one in seen.seen:
        if one.kind in due.raised:
            _raise(name, one.kind, one.to_json() | {"as_of": report["as_of"]})
    return due


@task(name="show-drift", cache_policy=NO_CACHE)
def show_drift(settings: Settings, seen: Look, due: Raising) -> dict[str, Any]:
    """A page, a picture, and the questions that the index knows least of; what the run returns."""
    artifacts.page("drift-report", drift_page(seen, due, settings.drift), "Drift")
    if any(one.measures for one in seen.seen):
        artifacts.picture(
            "drift-picture", drift_picture(seen), "The window against what was before"
        )
    for one in seen.seen:
        if rows := one.drawn.get("farthest"):
            artifacts.table("drift-questions", rows, "Questions furthest from the index")
    return seen.to_json() | {"raised": list(due.raised), "resting": dict(due.resting)}


def _raise(index: str, kind: str, payload: dict[str, Any]) -> None:
    resource = {"prefect.resource.id": f"almanac.index.{index}"}
    emit_event(event=EVENTS[kind], resource=resource, payload=payload)
    get_run_logger().info("Raised %s, which starts %s", EVENTS[kind], REACTIONS[EVENTS[kind]][0])

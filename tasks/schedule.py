"""The frame of a nightly run: its logical date, missed dates, the lease, and a restore's hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from prefect import get_run_logger, runtime
from prefect.client.schemas.objects import State
from prefect.flows import Flow
from prefect.states import Completed

from almanac.ingest.models import Models, models_of, shared_models
from almanac.ingest.nightly_run import NightlyRun
from almanac.ingest.report import Recording
from almanac.ingest.run import Run
from almanac.schedule.catch_up import IndexHistory, catch_up_message
from almanac.schedule.dated import absence, dated_names
from almanac.schedule.logical_date import (
    MOST_MISSED,
    LogicalDate,
    already_published,
    newest_logical_date,
    refuse_future,
    refuse_past,
)
from lakehouse import open_lakehouse
from schemas.errors import SourceUnavailable
from schemas.settings import Settings
from schemas.times import isoformat
from tasks import artifacts
from tasks import nightly as stages
from tasks.nightly_artifacts import show_stopped
from tasks.prefect_schedule import AUTO, as_plain_utc, schedule_of


@contextmanager
def nightly_run(
    settings: Settings,
    as_of: datetime | None,
    allow_future: bool,
    lift_hold: bool,
    nightly: Flow[..., Any],
) -> Iterator[NightlyRun]:
    """Hold the lease for a nightly run at its logical date, and record what comes of it.

    First the missed dates are looked after: run in order where a source's address names the day,
    else stored. `nightly` is the flow that such a date is run with. Where `NightlyRun.result` is
    set, there is nothing for the block to do.

    Raises:
        RunRefused: the date is too far ahead, or earlier than the newest release.
    """
    date = logical_date_of_run(as_of, allow_future)
    caught_up, models = catch_up(date, settings, nightly)
    run = stages.begin(settings, date.at, runtime.flow_run.id, date.scheduled)
    ttl, wait = settings.lease.ttl_seconds, settings.lease.wait_seconds
    with run.lake.lease(run.run_id, run.purpose, ttl, wait) as lease:
        history = IndexHistory(run.lake, run.settings.index.name)
        night = NightlyRun(run, models, lease, history.latest)
        if message := history.superseded(date):
            night.result = end_at_once(run, message)
            yield night
            return
        with Recording(run, night.outcome, show_stopped):
            record_missed(night, date, history, settings, caught_up)
            if stages.must_hold(night, lift_hold):
                night.result = stages.finish(night, None)
            else:
                refuse_past(date.at, history.latest)
            yield night


def logical_date_of_run(as_of: datetime | None, allow_future: bool = False) -> LogicalDate:
    """The logical date of this flow run.

    `as_of` where it is given. A run that a schedule made takes the newest date of its deployment's
    schedules that has come; any other, such as a Quick run, the time at which it was due.

    Raises:
        RunRefused: `as_of` is too far ahead, and `allow_future` is not set.
    """
    now = datetime.now(UTC)
    if as_of is not None and not allow_future:
        refuse_future(as_of, now)
    start = runtime.flow_run.scheduled_start_time
    due = as_plain_utc(start) if start else now
    if as_of is not None:
        return LogicalDate(as_of, due)
    deployment = runtime.deployment.id
    if not deployment or AUTO not in runtime.flow_run.tags:
        return LogicalDate(due, due)
    date = newest_logical_date(due, now, schedule_of(deployment))
    if date.at != date.due:
        get_run_logger().info(
            "Due at %s and late: its logical date is %s, the newest of the schedule",
            isoformat(date.due),
            isoformat(date.at),
        )
    return date


def catch_up(
    date: LogicalDate, settings: Settings, nightly: Flow[..., Any]
) -> tuple[list[datetime], Models]:
    """Where a source's address names the day: run the missed dates first, each on its own data.

    In order, as runs of `nightly` below this one and with its parameters. A date whose data is
    absent is passed over, and one that is refused or fails has its own row; this run goes on all
    the same. Returns the dates that were run, and the models that those runs leave loaded.
    """
    dates = _to_catch_up(date, settings)
    if not dates:
        return [], models_of(settings)
    with shared_models():
        ran = [at for at in dates if _run_missed_date(nightly, at, settings)]
        return ran, models_of(settings)


def _to_catch_up(date: LogicalDate, settings: Settings) -> list[datetime]:
    if not date.scheduled or not dated_names(settings):
        return []
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    history = IndexHistory(lake, settings.index.name)
    if already_published(history.records, history.latest, date.at):
        return []
    return date.to_catch_up(history.records, history.latest)


def _run_missed_date(nightly: Flow[..., Any], at: datetime, settings: Settings) -> bool:
    """Run a missed date if its data is there; did that end well?"""
    try:
        if absence(settings, at):
            return False
    except SourceUnavailable as error:
        get_run_logger().warning("The missed date %s: %s", isoformat(at), error)
        return False
    parameters = {**runtime.flow_run.parameters, "as_of": at}
    flow = cast(Callable[..., State[Any]], named_run(nightly, at, "missed"))
    state = flow(return_state=True, **parameters)
    if not state.is_completed():  # whatever it raised: the run itself has stored and logged it
        get_run_logger().warning("The missed date %s: %s", isoformat(at), state.message)
        return False
    return bool(state.result()["status"] != "held")


def named_run(nightly: Flow[..., Any], at: datetime, why: str) -> Flow[..., Any]:
    """The flow with a run name that says its logical date and why it runs."""
    return nightly.with_options(flow_run_name=f"nightly as of {isoformat(at)}, {why}")


def end_at_once(run: Run, message: str) -> dict[str, Any]:
    """Complete the flow run with the reason; nothing was read, and no row is stored."""
    artifacts.page("nightly-report", f"# {message}\n\nRun `{run.run_id}`.\n", "Nightly")
    result = {
        "published": False,
        "as_of": isoformat(run.logical_time),
        "run": run.run_id,
        "message": message,
    }
    # A flow may return a state, whose message the UI shows; its caller gets the data.
    return cast(dict[str, Any], Completed(message=message, data=result))


def record_missed(
    night: NightlyRun,
    date: LogicalDate,
    history: IndexHistory,
    settings: Settings,
    caught_up: list[datetime],
) -> None:
    """Store a record of each date of the schedule at which nothing ran. Under the lease."""
    if date.schedule is None:
        return
    run, now = night.run, night.run.started_at
    run.schedule = date.schedule.key
    records = history.missed_records(date, now, lambda at: _why_missed(run, settings, at))
    run.lake.runs.append_missed(history.index, records[-MOST_MISSED:], run.lake.location.guard)
    missed = [record.logical_time for record in records if record.status == "missed"]
    night.outcome.caught_up = catch_up_message(missed, caught_up)
    if night.outcome.caught_up:
        get_run_logger().warning(night.outcome.caught_up)


def _why_missed(run: Run, settings: Settings, at: datetime) -> str:
    if not run.dated:
        return (
            "nothing ran at this date of the schedule; "
            f"the run of {isoformat(run.logical_time)} holds what changed until then"
        )
    return _absence_or_error(settings, at) or (
        "nothing ran at this date of the schedule, and a later release was published before it "
        "could"
    )


def _absence_or_error(settings: Settings, at: datetime) -> str:
    try:
        return absence(settings, at)
    except SourceUnavailable as error:
        return str(error)

"""Runs on a schedule: which time they speak for, and what becomes of the times that were missed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.states import Completed
from prefect.utilities.asyncutils import run_coro_as_sync

from lakehouse import open_lakehouse
from schemas.errors import AlmanacError, ConfigError, SeriesStopped
from schemas.settings import Settings
from schemas.times import isoformat, parse_time_of_day
from tasks import showing
from tasks.stages import series
from tasks.stages import turn as turns
from tasks.stages.dated import absence, dated_names
from tasks.stages.models import shared_models
from tasks.stages.report import Outcome
from tasks.stages.run import Run
from tasks.stages.series import Every, Series, Step, WhenAbsent
from tasks.stages.turn import Dates, Turn

AUTO = "auto-scheduled"  # Prefect's tag of a run that a schedule made


def turn_of_this_run(as_of: datetime | None) -> Turn:
    """The time that this run speaks for.

    `as_of` where it is given. A run that a schedule made speaks for the newest time of its
    deployment's schedules that has come; any other, such as a Quick run, for when it was due.
    """
    now = datetime.now(UTC)
    due = runtime.flow_run.scheduled_start_time
    own = _plain(due) if due else now
    if as_of is not None:
        return Turn(as_of, own)
    deployment = runtime.deployment.id
    if not deployment or AUTO not in runtime.flow_run.tags:
        return Turn(own, own)
    turn = turns.newest_turn(own, now, schedule_dates(deployment))
    if turn.at != turn.own:
        get_run_logger().info(
            "Due at %s, and it is late: it speaks for %s, the newest time of the schedule",
            isoformat(turn.own), isoformat(turn.at),
        )  # fmt: skip
    return turn


def schedule_dates(deployment: str) -> Dates:
    """What gives the times at which a deployment's active schedules are due, time zones minded."""
    with get_client(sync_client=True) as client:
        schedules = client.read_deployment(UUID(deployment)).schedules
    return dates_of([one.schedule for one in schedules if one.active])


def dates_of(schedules: Sequence[Any]) -> Dates:
    """The same for schedules of Prefect's client (cron, interval or RRule)."""
    from prefect.server.schemas import schedules as own  # the client's cannot tell their dates

    made = [getattr(own, type(one).__name__)(**one.model_dump()) for one in schedules]

    def dates(start: datetime, end: datetime) -> list[datetime]:
        found: list[datetime] = []
        for one in made:
            found += cast(list[datetime], run_coro_as_sync(one.get_dates(start=start, end=end)))
        return [_plain(time) for time in found]

    return dates


def _plain(moment: datetime) -> datetime:
    """UTC and nothing more: arithmetic on Prefect's own kind of time loses the zone."""
    return datetime.fromisoformat(moment.isoformat()).astimezone(UTC)


def run_missed(turn: Turn, settings: Settings, nightly: Flow[..., Any]) -> list[datetime]:
    """Where a source's address names the day: run the missed times first, each on its own data.

    In order, as runs of `nightly` below this one and with its parameters. A time whose data is
    absent is passed over, and one that is refused or fails is told in its own row; this run goes on
    all the same. Returns the times that were run.
    """
    if not turn.scheduled or not dated_names(settings):
        return []
    lake, index = open_lakehouse(settings.lakehouse, settings.storage_options), settings.index.name
    nights, latest = lake.runs.nights(index), lake.releases(index).latest()
    if turns.spoken_for(nights, latest, turn.at):
        return []
    parameters = {**runtime.flow_run.parameters}
    parameters.pop("as_of", None)
    times = [at for at in turn.to_make_up(nights, latest) if not absence(settings, at)]
    with shared_models():
        for at in times:
            try:
                run_as_of(nightly, at, "missed", parameters)
            except AlmanacError as error:
                get_run_logger().warning("The missed time %s: %s", isoformat(at), error)
    return times


def run_as_of(
    nightly: Flow[..., Any], at: datetime, why: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    """One run of `nightly` below this one, as of a time; returns and raises what it does."""
    named = nightly.with_options(flow_run_name=f"nightly as of {isoformat(at)}, {why}")
    return cast(dict[str, Any], named(as_of=at, **parameters))


def look_back(run: Run, turn: Turn) -> str:
    """Why a run on a schedule has nothing left to say; empty where it has. Under the lease."""
    if not turn.scheduled:
        return ""
    nights = run.lake.runs.nights(run.settings.index.name)
    found = turns.spoken_for(nights, run.releases.latest(), turn.at)
    return turns.nothing_left(*found, turn) if found else ""


def end_at_once(run: Run, message: str) -> dict[str, Any]:
    """Complete the flow run with the reason; nothing was read, and no row is stored."""
    showing.page("nightly-report", f"# {message}\n\nRun `{run.run_id}`.\n", "Nightly")
    result = {"published": False, "as_of": isoformat(run.logical_time), "run": run.run_id,
              "message": message}  # fmt: skip
    # A flow may return a state, whose message the UI shows; its caller gets the data.
    return cast(dict[str, Any], Completed(message=message, data=result))


def note_missed(
    run: Run, turn: Turn, settings: Settings, made_up: list[datetime], outcome: Outcome
) -> None:
    """Store a row for each time of the schedule at which nothing ran. Under the lease."""
    if not turn.scheduled:
        return
    index = run.settings.index.name
    untold = turn.missed(run.lake.runs.nights(index))
    latest = run.releases.latest()
    published = {one.logical_time: one.seq for one in run.releases.history()}
    reasons = {at: _reason(run, settings, at, published.get(at)) for at in untold[-turns.MOST :]}
    seq = latest.seq if latest else None
    run.lake.runs.note_missed(index, reasons, seq, run.started_at, published)
    missed = [at for at in untold if at not in published]
    outcome.caught_up = turns.caught_up(missed, made_up)
    if outcome.caught_up:
        get_run_logger().warning(outcome.caught_up)


def _reason(run: Run, settings: Settings, at: datetime, release: int | None) -> str:
    if release is not None:
        return f"the run was ended after it had published release {release}, before its report"
    if run.dated and (absent := absence(settings, at)):
        return absent
    if run.dated:
        return "nothing ran at this time of the schedule, and a later release stood before it could"
    return (
        "nothing ran at this time of the schedule; "
        f"the run of {isoformat(run.logical_time)} speaks for what changed until then"
    )


def plan_series(
    settings: Settings,
    first: date,
    last: date,
    every: Every,
    at: str,
    most: int,
    accept_undated: bool,
) -> Series:
    """The steps of a backfill, those that the lakehouse has already among them.

    Raises:
        ConfigError: the dates, the time of day or the source cannot be used.
        RunRefused: a step to do is earlier than what the lakehouse speaks for already.
    """
    series.refuse_wrong_range(first, last)
    series.refuse_undated(settings, accept_undated)
    clock = parse_time_of_day(at)
    if every == "schedule":
        times = series.scheduled_times(first, last, _nightly_dates())
    elif every == "missed":
        times = [at for at in series.missed_times(settings) if first <= at.date() <= last]
    else:
        times = series.times_of(first, last, every, clock)
    series.refuse_wrong_steps(times, most, datetime.now(UTC))
    return Series(settings, times)


def _nightly_dates() -> Dates:
    name = "nightly/nightly"
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            raise ConfigError(
                f"no deployment {name} tells when it is due: run `almanac up`, or choose another "
                "`every`"
            ) from None
    return schedule_dates(str(deployment.id))


def foresee(planned: Series) -> dict[str, Any]:
    """A dry run: which steps are to do, and whether their data is there."""
    planned.look_ahead()
    return _show(planned, dry_run=True)


def run_series(
    planned: Series,
    nightly: Flow[..., Any],
    parameters: dict[str, Any],
    when_absent: WhenAbsent,
) -> dict[str, Any]:
    """Run the steps that are to do, in order, as runs of `nightly` below this one.

    Raises:
        SeriesStopped: a step was refused or failed; the ones before it stand.
    """
    advance = showing.progress("backfill-progress", "steps")
    try:
        with shared_models():
            for number, step in enumerate(planned.steps, 1):
                if step.open:
                    _run_step(planned, step, nightly, parameters, when_absent)
                    get_run_logger().info(
                        "Step %d of %d, %s: %s, release %s",
                        number, len(planned.steps), isoformat(step.at), step.status, step.release,
                    )  # fmt: skip
                advance(number, len(planned.steps))
    finally:
        result = _show(planned, dry_run=False)
    return result


def _run_step(
    planned: Series,
    step: Step,
    nightly: Flow[..., Any],
    parameters: dict[str, Any],
    when_absent: WhenAbsent,
) -> None:
    try:
        absent = absence(planned.settings, step.at)
        if absent and when_absent == "pass over":
            planned.pass_over(step, absent)
        else:
            step.ran(run_as_of(nightly, step.at, "backfill", parameters))
    except AlmanacError as error:
        step.status, step.note = "failed", str(error)
        reason = str(error).rstrip(".")
        raise SeriesStopped(
            f"the step {isoformat(step.at)} stopped the series: {reason}. What was done before it "
            "stands; mend that and start the same form again: it goes on there"
        ) from error


def _show(planned: Series, dry_run: bool) -> dict[str, Any]:
    result = series.report(planned, dry_run)
    said = series.page(result, list(_next_steps(result)))
    showing.page("backfill-report", said, "Backfill")
    showing.table("backfill-steps", result["steps"], "Steps of the backfill", "--json")
    return result


def _next_steps(result: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown: what a person does after this backfill or its dry run."""
    status = {step["status"] for step in result["steps"]}
    if not status & {"to do", "failed"}:
        return
    if result["dry_run"]:
        yield _or_form("Run it", showing.form("run it", {"dry_run": False}), "without --dry-run")
        if any(step["status"] == "to do" and step["note"] for step in result["steps"]):
            yield "Data is absent for some steps: the series stops there, unless told to pass over."
    else:
        yield "The steps before stand. Mend what the note of the step that failed says."
        yield _or_form("Then go on", showing.form("the same form", {}), "the same command again")


def _or_form(said: str, form: str, command: str) -> str:
    return f"{said}: {form or command}."

"""Runs on a schedule: which time they speak for, and what becomes of the times that were missed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.states import Completed
from prefect.utilities.asyncutils import run_coro_as_sync

from almanac.ingest.models import Models, models_of, shared_models
from almanac.ingest.report import Outcome
from almanac.ingest.run import Run
from almanac.schedule import series
from almanac.schedule import turn as turns
from almanac.schedule.dated import absence, dated_names
from almanac.schedule.series import Every, Series, Step, WhenAbsent
from almanac.schedule.turn import Dates, Past, Schedule, Turn
from lakehouse import open_lakehouse
from lakehouse.runs import Night, missed_id
from schemas.errors import (
    AlmanacError,
    ConfigError,
    RunRefused,
    SeriesStopped,
    SourceUnavailable,
)
from schemas.hashing import canonical_json, sha256_parts
from schemas.settings import Settings
from schemas.times import isoformat, parse_time_of_day
from tasks import artifacts

AUTO = "auto-scheduled"  # Prefect's tag of a run that a schedule made


def turn_of_this_run(as_of: datetime | None, allow_future: bool = False) -> Turn:
    """The time that this run speaks for.

    `as_of` where it is given. A run that a schedule made speaks for the newest time of its
    deployment's schedules that has come; any other, such as a Quick run, for when it was due.

    Raises:
        RunRefused: `as_of` is too far ahead, and `allow_future` is not set.
    """
    now = datetime.now(UTC)
    if as_of is not None and not allow_future:
        turns.refuse_future(as_of, now)
    due = runtime.flow_run.scheduled_start_time
    own = _plain(due) if due else now
    if as_of is not None:
        return Turn(as_of, own)
    deployment = runtime.deployment.id
    if not deployment or AUTO not in runtime.flow_run.tags:
        return Turn(own, own)
    turn = turns.newest_turn(own, now, schedule_of(deployment))
    if turn.at != turn.own:
        get_run_logger().info(
            "Due at %s, and it is late: it speaks for %s, the newest time of the schedule",
            isoformat(turn.own),
            isoformat(turn.at),
        )
    return turn


def schedule_of(deployment: str) -> Schedule:
    """The active schedules of a deployment."""
    with get_client(sync_client=True) as client:
        schedules = client.read_deployment(UUID(deployment)).schedules
    active = [one for one in schedules if one.active]
    since = max((_plain(one.updated) for one in active if one.updated), default=None)
    said = [one.schedule for one in active]
    return Schedule(dates_of(said), key_of(said), since)


def key_of(schedules: Sequence[Any]) -> str:
    """Eight hexadecimal digits over what Prefect's schedules say, in whatever order.

    Not over when an interval began: without an anchor it does so with each `prefect deploy`.
    """
    said = (one.model_dump(mode="json", exclude={"anchor_date"}) for one in schedules)
    return sha256_parts(*sorted(canonical_json(one) for one in said))[:8]


def dates_of(schedules: Sequence[Any]) -> Dates:
    """What gives the times at which Prefect's schedules (cron, interval, RRule) are due.

    Time zones are minded.
    """
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


def run_missed(
    turn: Turn, settings: Settings, nightly: Flow[..., Any]
) -> tuple[list[datetime], Models]:
    """Where a source's address names the day: run the missed times first, each on its own data.

    In order, as runs of `nightly` below this one and with its parameters. A time whose data is
    absent is passed over, and one that is refused or fails is told in its own row; this run goes on
    all the same. Returns the times that were run, and the models that those runs leave loaded.
    """
    times = _to_make_up(turn, settings)
    if not times:
        return [], models_of(settings)
    with shared_models():
        made_up = [at for at in times if _make_up(nightly, at, settings)]
        return made_up, models_of(settings)


def _to_make_up(turn: Turn, settings: Settings) -> list[datetime]:
    if not turn.scheduled or not dated_names(settings):
        return []
    past = Past(open_lakehouse(settings.lakehouse, settings.storage_options), settings.index.name)
    if turns.spoken_for(past.nights, past.latest, turn.at):
        return []
    return turn.to_make_up(past.nights, past.latest)


def _make_up(nightly: Flow[..., Any], at: datetime, settings: Settings) -> bool:
    """Run a missed time if its data is there; did that end well?"""
    try:
        if absence(settings, at):
            return False
    except SourceUnavailable as error:
        get_run_logger().warning("The missed time %s: %s", isoformat(at), error)
        return False
    parameters = {**runtime.flow_run.parameters, "as_of": at}
    named = cast(Callable[..., State[Any]], _named(nightly, at, "missed"))
    state = named(return_state=True, **parameters)
    if not state.is_completed():  # whatever it raised: the run itself has stored and logged it
        get_run_logger().warning("The missed time %s: %s", isoformat(at), state.message)
        return False
    return bool(state.result()["status"] != "held")


def _named(nightly: Flow[..., Any], at: datetime, why: str) -> Flow[..., Any]:
    return nightly.with_options(flow_run_name=f"nightly as of {isoformat(at)}, {why}")


def look_back(run: Run) -> Past:
    """What stands of the run's index. Under the lease."""
    return Past(run.lake, run.settings.index.name)


def nothing_left(past: Past, turn: Turn) -> str:
    """Why a run on a schedule has nothing left to say; empty where it has."""
    if not turn.scheduled:
        return ""
    found = turns.spoken_for(past.nights, past.latest, turn.at)
    return turns.nothing_left(*found, turn) if found else ""


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


def note_missed(
    run: Run, turn: Turn, past: Past, settings: Settings, made_up: list[datetime], outcome: Outcome
) -> None:
    """Store a row for each time of the schedule at which nothing ran. Under the lease."""
    if turn.schedule is None:
        return
    run.schedule = turn.schedule.key
    untold, published = turn.missed(past.nights), past.published
    seq = past.latest.seq if past.latest else None
    nights = [
        Night(
            missed_id(past.index, at),
            at,
            run.started_at,
            "published" if at in published else "missed",
            published.get(at, seq),
            scheduled=True,
            message=_reason(run, settings, at, published.get(at)),
            schedule=run.schedule,
        )
        for at in untold[-turns.MOST :]
    ]
    run.lake.runs.note_missed(past.index, nights, run.lake.location.guard)
    missed = [at for at in untold if at not in published]
    outcome.caught_up = turns.caught_up(missed, made_up)
    if outcome.caught_up:
        get_run_logger().warning(outcome.caught_up)


def _reason(run: Run, settings: Settings, at: datetime, release: int | None) -> str:
    if release is not None:
        return f"the run was ended after it had published release {release}, before its report"
    if run.dated:
        return _absence_or_why(settings, at) or (
            "nothing ran at this time of the schedule, and a later release stood before it could"
        )
    return (
        "nothing ran at this time of the schedule; "
        f"the run of {isoformat(run.logical_time)} speaks for what changed until then"
    )


def _absence_or_why(settings: Settings, at: datetime) -> str:
    try:
        return absence(settings, at)
    except SourceUnavailable as error:
        return str(error)


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
        if not times:
            raise ConfigError(
                f"no time from {first} to {last} stands as missed in this lakehouse (`almanac runs "
                "--missing` lists them): choose other dates, or another `every`"
            )
    else:
        times = series.times_of(first, last, every, clock)
    series.refuse_wrong_steps(times, most, datetime.now(UTC))
    return Series(settings, times, missing=every == "missed")


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
    return schedule_of(str(deployment.id)).dates


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
    advance = artifacts.progress("backfill-progress", "steps")
    try:
        with shared_models():
            for number, step in enumerate(planned.steps, 1):
                if step.open:
                    _run_step(planned, step, nightly, parameters, when_absent)
                    get_run_logger().info(
                        "Step %d of %d, %s: %s, release %s",
                        number,
                        len(planned.steps),
                        isoformat(step.at),
                        step.status,
                        step.release,
                    )
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
            report = _named(nightly, step.at, "backfill")(as_of=step.at, **parameters)
            if report["status"] == "held":  # restored, with that order, since the series began
                raise RunRefused(report["message"])
            step.ran(report)
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
    artifacts.page("backfill-report", said, "Backfill")
    artifacts.table("backfill-steps", result["steps"], "Steps of the backfill", "--json")
    return result


def _next_steps(result: dict[str, Any]) -> Iterator[str]:
    """Lines of Markdown: what a person does after this backfill or its dry run."""
    status = {step["status"] for step in result["steps"]}
    if not status & {"to do", "failed"}:
        return
    if result["dry_run"]:
        yield _or_form("Run it", artifacts.form("run it", {"dry_run": False}), "without --dry-run")
        if any(step["status"] == "to do" and step["note"] for step in result["steps"]):
            yield "Data is absent for some steps: the series stops there, unless told to pass over."
    else:
        yield "The steps before stand. Mend what the note of the step that failed says."
        yield _or_form("Then go on", artifacts.form("the same form", {}), "the same command again")


def _or_form(said: str, form: str, command: str) -> str:
    return f"{said}: {form or command}."

"""A backfill as Prefect runs it: its steps, their nightly runs, and its page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from prefect import get_run_logger
from prefect.flows import Flow

from almanac.ingest.models import shared_models
from almanac.schedule import backfill
from almanac.schedule.backfill import BackfillPlan, BackfillStep, Every, WhenAbsent
from almanac.schedule.dated import absence
from schemas.errors import AlmanacError, BackfillStopped, ConfigError, RunRefused
from schemas.settings import Settings
from schemas.times import isoformat, parse_time_of_day
from tasks import artifacts
from tasks.prefect_schedule import nightly_dates
from tasks.schedule import named_run


def plan_backfill(
    settings: Settings,
    first: date,
    last: date,
    every: Every,
    at: str,
    most: int,
    accept_undated: bool,
) -> BackfillPlan:
    """The steps of a backfill, those that the lakehouse has already among them.

    Raises:
        ConfigError: the dates, the time of day or the source cannot be used.
        RunRefused: a step to do is earlier than the newest release.
    """
    backfill.refuse_wrong_range(first, last)
    backfill.refuse_undated(settings, accept_undated)
    clock = parse_time_of_day(at)
    if every == "schedule":
        times = backfill.scheduled_times(first, last, nightly_dates())
    elif every == "missed":
        times = [at for at in backfill.missed_times(settings) if first <= at.date() <= last]
        if not times:
            raise ConfigError(
                f"no time from {first} to {last} stands as missed in this lakehouse (`almanac runs "
                "--missing` lists them): choose other dates, or another `every`"
            )
    else:
        times = backfill.times_of(first, last, every, clock)
    backfill.refuse_wrong_steps(times, most, datetime.now(UTC))
    return BackfillPlan(settings, times, missing=every == "missed")


def preview(plan: BackfillPlan) -> dict[str, Any]:
    """A dry run: which steps are to do, and whether their data is there."""
    plan.look_ahead()
    return _show(plan, dry_run=True)


def run_backfill(
    plan: BackfillPlan,
    nightly: Flow[..., Any],
    parameters: dict[str, Any],
    when_absent: WhenAbsent,
) -> dict[str, Any]:
    """Run the steps that are to do, in order, as runs of `nightly` below this one.

    Raises:
        BackfillStopped: a step was refused or failed; the ones before it stand.
    """
    advance = artifacts.progress("backfill-progress", "steps")
    try:
        with shared_models():
            for number, step in enumerate(plan.steps, 1):
                if step.open:
                    _run_step(plan, step, nightly, parameters, when_absent)
                    get_run_logger().info(
                        "BackfillStep %d of %d, %s: %s, release %s",
                        number,
                        len(plan.steps),
                        isoformat(step.at),
                        step.status,
                        step.release,
                    )
                advance(number, len(plan.steps))
    finally:
        result = _show(plan, dry_run=False)
    return result


def _run_step(
    plan: BackfillPlan,
    step: BackfillStep,
    nightly: Flow[..., Any],
    parameters: dict[str, Any],
    when_absent: WhenAbsent,
) -> None:
    try:
        absent = absence(plan.settings, step.at)
        if absent and when_absent == "pass over":
            plan.pass_over(step, absent)
        else:
            report = named_run(nightly, step.at, "backfill")(as_of=step.at, **parameters)
            if report["status"] == "held":  # restored, with that order, since the series began
                raise RunRefused(report["message"])
            step.ran(report)
    except AlmanacError as error:
        step.status, step.note = "failed", str(error)
        reason = str(error).rstrip(".")
        raise BackfillStopped(
            f"the step {isoformat(step.at)} stopped the backfill: {reason}. What was done "
            "before it stands; mend that and start the same form again: it continues there"
        ) from error


def _show(plan: BackfillPlan, dry_run: bool) -> dict[str, Any]:
    result = backfill.report(plan, dry_run)
    page = backfill.page(result, list(_next_steps(result)))
    artifacts.page("backfill-report", page, "Backfill")
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
            yield "Data is absent for some steps: the backfill stops there, or passes over them."
    else:
        yield "The steps before stand. Mend what the note of the step that failed says."
        yield _or_form(
            "Then continue", artifacts.form("the same form", {}), "the same command again"
        )


def _or_form(text: str, form: str, command: str) -> str:
    return f"{text}: {form or command}."

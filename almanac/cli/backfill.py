"""Past dates: fill them one by one, and see at which times anything ran."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial
from typing import Any

import click

from almanac.cli import show_runs
from almanac.cli.options import Change, Report, applies, given_options, reports, settings
from schemas.errors import ConfigError

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--from", "first", type=_DAY, metavar="DAY", help="The first day, UTC.")
@click.option("--to", "last", type=_DAY, metavar="DAY", help="The last day, itself included.")
@click.option(
    "--every",
    default="day",
    show_default=True,
    type=click.Choice(["day", "week", "month", "schedule"]),
    help="schedule: when the deployment nightly/nightly is due.",
)
@click.option("--missing", is_flag=True, help="Missed times later than the newest release.")
@click.option("--at", default="", metavar="HH:MM", help="UTC; else the last instant of a day.")
@click.option("--source", metavar="PATH_OR_URL", help="Read this: docs/{date}, or NAME=THIS.")
@click.option("--accept-undated", is_flag=True, help="Take what the source holds today.")
@click.option("--pass-over", is_flag=True, help="Go on where a step's data is absent.")
@click.option("--accept-losses", is_flag=True, help="Publish although much vanished or shrank.")
@click.option(
    "--max-steps",
    default=400,
    show_default=True,
    type=click.IntRange(1, 1_000),
    help="More are refused.",
)
@applies(show_runs.backfill)
def backfill(
    first: datetime | None,
    last: datetime | None,
    every: str,
    missing: bool,
    pass_over: bool,
    **parameters: Any,
) -> Change:
    """Publish a release a day of the past; run again, it goes on where it stopped."""
    from almanac.cli.engine import run_flow

    settings(may_be_new=True, writes=True)  # a wrong configuration fails before Prefect starts
    days = _days(first, last, missing)
    if days is None:
        nothing = {"steps": [], "nothing_to_do": "no time is missing"}
        return Change(lambda: nothing, lambda: nothing)
    fill = partial(
        run_flow,
        "backfill",
        from_date=days[0],
        to_date=days[1],
        every="missed" if missing else every,
        when_absent="pass over" if pass_over else "stop",
        **given_options(),
        **parameters,
    )
    return Change(lambda: fill(dry_run=True), lambda: fill(dry_run=False))


def _days(first: datetime | None, last: datetime | None, missing: bool) -> tuple[date, date] | None:
    """From when to when; where times are missing unless told. None: no time is missing."""
    if not missing and (first is None or last is None):
        raise ConfigError("say from which day to which: --from 2026-03-01 --to 2026-03-31")
    times = _missed() if first is None or last is None else []
    if missing and not times and (first is None or last is None):
        return None
    return first.date() if first else times[0].date(), last.date() if last else times[-1].date()


def _missed() -> list[datetime]:
    from almanac.schedule.backfill import missed_times

    return missed_times(settings(may_be_new=True))


@click.command()
@click.option("--missing", is_flag=True, help="Only times at which nothing ran, and still has not.")
@click.option("--last", default=50, show_default=True, type=click.IntRange(1), help="So many.")
@reports(show_runs.runs)
def runs(missing: bool, last: int) -> Report:
    """Nightly runs by the time they speak for, the newest first; and the times that were missed."""
    from almanac.retrieval.reading import runs as read

    return read(settings(), missing, last)


VERBS = (backfill, runs)

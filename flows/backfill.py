"""Fill a lakehouse with past dates: one nightly run a logical time, in order, resumable."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from prefect import flow
from pydantic import Field

from flows.nightly import nightly
from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import backfill as stages
from tasks.names import run_name

_DATE = forms.like(r"^\d{4}-\d{2}-\d{2}$", "a date, such as 2026-03-03")
_CLOCK = forms.like(r"^(([01]\d|2[0-3]):[0-5]\d)?$", "a time of day, UTC, such as 02:00")
_First = Field(json_schema_extra={"title": "First day", **_DATE})
_Last = Field(json_schema_extra={"title": "Last day", **_DATE})
_At = Field(json_schema_extra={"title": "Time of day, UTC", **_CLOCK})


@flow(
    name="backfill",
    flow_run_name=run_name("backfill"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def backfill(
    from_date: Annotated[date, _First],
    to_date: Annotated[date, _Last],
    every: Annotated[
        Literal["day", "week", "month", "schedule", "missed"], forms.named("A step every")
    ] = "day",
    at: Annotated[str, _At] = "",
    source: Annotated[forms.Place, forms.named("Dated source")] = None,
    accept_undated: Annotated[bool, forms.named("Accept a source without a date")] = False,
    when_absent: Annotated[
        Literal["stop", "pass over"], forms.named("Where data is absent")
    ] = "stop",
    accept_losses: Annotated[bool, forms.named("Accept losses")] = False,
    dry_run: Annotated[bool, forms.named("Dry run")] = True,
    max_steps: Annotated[int, Field(ge=1, le=1_000), forms.named("At most so many steps")] = 400,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Publish a release as of each step, reading what the sources held then.

    A step that the lakehouse has already is passed by, so the same form, run again, goes on where
    it stopped. A step that fails stops the backfill. Steps earlier than the newest release are
    refused: history is only added to. So pause the nightly schedule of the same lakehouse during a
    long series: a release of today would end it.

    Args:
        from_date: The first day (UTC).
        to_date: The last day (UTC), itself included; its step must have come already.
        every: day; week, every seventh day from the first; month, the last day of each; schedule,
            the times at which the deployment nightly/nightly is due; missed, the times that stand
            as missed in this lakehouse that no later release covers yet.
        at: When on each day, of day, week and month. Empty is the last instant of the day, which is
            what a date means everywhere else.
        source: A folder or URL that names the day, read instead of the configured source, as in
            /data/{date} or s3://bucket/{as_of:%Y/%m/%d}; or NAME=URL for one of several.
        accept_undated: A source without a date in its address says what it holds today; every step
            would hold the same, so it is refused unless that is meant.
        when_absent: Stop at a step whose data is absent, or pass over it and store that.
        accept_losses: Publish although from one step to the next many documents vanish or shrink.
        dry_run: List the steps, those that are done and those whose data is absent; change nothing.
        max_steps: More steps than this are refused.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    settings = settings_for(config, lakehouse)
    settings = settings.with_source(source) if source else settings
    plan = stages.plan_backfill(settings, from_date, to_date, every, at, max_steps, accept_undated)
    if dry_run:
        return stages.preview(plan)
    parameters = {"source": source, "accept_losses": accept_losses}
    where = {"lakehouse": lakehouse, "config": config}
    return stages.run_backfill(plan, nightly, parameters | where, when_absent)

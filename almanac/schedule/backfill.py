"""A backfill: logical dates in order, which of them the lakehouse has, and what became of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from almanac.core.markdown import code, first_of, table
from almanac.schedule.catch_up import IndexHistory
from almanac.schedule.dated import absence, dated_names
from almanac.schedule.logical_date import Dates, newest_dates
from almanac.sources.address import redacted
from lakehouse import open_lakehouse
from lakehouse.runs import RunRecord, missed_id, still_missed
from schemas.errors import ConfigError, RunRefused
from schemas.settings import Settings
from schemas.times import end_of_day, isoformat

Every = Literal["day", "week", "month", "schedule", "missed"]
WhenAbsent = Literal["stop", "pass over"]
MOST_STEPS = 1_000
_SHOWN = 100  # steps on the page; the table has them all
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


class BackfillStep:
    """One logical date of a plan.

    status: to do; done before; published, unchanged or failed in this run; passed over, because its
    data is absent.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.status = "to do"
        self.release: int | None = None
        self.documents: int | None = None
        self.seconds: float | None = None
        self.note = ""

    @property
    def open(self) -> bool:
        """Is it still to do?"""
        return self.status == "to do"

    def ran(self, report: Mapping[str, Any]) -> None:
        """Take over what the nightly run of this date reported."""
        self.status = "published" if report["published"] else "unchanged"
        self.release = report["release"]
        counts = report["documents"]
        self.documents = sum(counts[name] for name in ("added", "modified", "unchanged"))
        self.seconds = report["seconds"]["total"]
        self.note = report["message"]

    def to_json(self) -> dict[str, Any]:
        """Plain values, the time as text."""
        return {**vars(self), "at": isoformat(self.at)}


class BackfillPlan:
    """Steps in order over one index, with where they go and what the lakehouse has of them.

    `missing`: the steps are dates recorded as missed, so that none was passed over on purpose.
    """

    def __init__(
        self, settings: Settings, times: Sequence[datetime], missing: bool = False
    ) -> None:
        self.settings = settings
        self.steps = [BackfillStep(at) for at in times]
        self.lake = open_lakehouse(settings.lakehouse, settings.storage_options)
        self.index = settings.index.name
        history = IndexHistory(self.lake, self.index)
        self._take_over(history, missing)
        self._refuse_what_is_past(history, missing)

    @property
    def open(self) -> list[BackfillStep]:
        """The steps that are to do."""
        return [step for step in self.steps if step.open]

    def _take_over(self, history: IndexHistory, missing: bool) -> None:
        """Mark the steps that the lakehouse has already, and those that were passed over."""
        done = {
            record.logical_time: record.release for record in history.records if record.succeeded
        }
        done |= history.published
        documents = {release.seq: release.documents for release in history.releases}
        passed = {record.logical_time for record in history.records if record.status == "missed"}
        newest = max(done, default=None)
        for step in self.steps:
            if step.at in done:
                step.status, step.release = "done before", done[step.at]
                step.documents = documents.get(step.release or 0)
            elif not missing and newest and step.at < newest and step.at in passed:
                step.status = "passed over"

    def _refuse_what_is_past(self, history: IndexHistory, missing: bool) -> None:
        covered = [
            (record.logical_time, record.release) for record in history.records if record.succeeded
        ]
        if history.latest:
            covered.append((history.latest.logical_time, history.latest.seq))
        newest, seq = max(covered, key=lambda pair: pair[0], default=(_NEVER, None))
        early = [step for step in self.open if step.at < newest]
        if early:
            how = ", by day, week, month or schedule: it has no missed times" if missing else ""
            raise RunRefused(
                f"{len(early)} of the {len(self.steps)} steps, from {isoformat(early[0].at)} to "
                f"{isoformat(early[-1].at)}, are earlier than release {seq}, which is "
                f"as of {isoformat(newest)}: history is only added to. Begin after that, or fill "
                f"another lakehouse (--lakehouse) and read the past there{how}"
            )
        if self.open and history.latest and history.latest.held:
            raise RunRefused(
                f"release {history.latest.seq} tells nightly runs to hold back: run "
                "`almanac nightly --lift-hold` first"
            )

    def pass_over(self, step: BackfillStep, reason: str) -> None:
        """Leave a step out whose data is absent; a row says so, unless one stands already."""
        step.status, step.note = "passed over", reason
        lease = self.settings.lease
        with self.lake.lease("backfill", "backfill", lease.ttl_seconds, lease.wait_seconds):
            history = IndexHistory(self.lake, self.index)
            if any(record.logical_time == step.at for record in history.records):
                return
            record = RunRecord(
                missed_id(self.index, step.at),
                step.at,
                datetime.now(UTC),
                "missed",
                history.latest.seq if history.latest else None,
                scheduled=False,
                message=reason,
            )
            self.lake.runs.append_missed(self.index, [record], self.lake.location.guard)

    def look_ahead(self) -> None:
        """Note at each step to do whose data is absent."""
        for step in self.open:
            step.note = absence(self.settings, step.at)


def times_of(
    first: date, last: date, every: Literal["day", "week", "month"], at: time | None
) -> list[datetime]:
    """The logical times from one day to another, both included, in order.

    Args:
        every: day; week: every seventh day from the first one on; month: the last day of each.
        at: the time of day, UTC; None is the last instant of the day, which is what a date means
            everywhere else (`--as-of 2026-03-04`).
    """
    days = [first + n * _DAY for n in range((last - first).days + 1)]
    if every == "week":
        days = days[::7]
    if every == "month":
        days = [day for day in days if (day + _DAY).day == 1]
    return [end_of_day(day) if at is None else datetime.combine(day, at, UTC) for day in days]


def scheduled_times(first: date, last: date, dates: Dates) -> list[datetime]:
    """The times of a schedule from one day to another, UTC; the newest of more than enough."""
    start = datetime.combine(first, time.min, UTC)
    return newest_dates(dates, start - _INSTANT, end_of_day(last), MOST_STEPS + 1)


def missed_times(settings: Settings) -> list[datetime]:
    """The dates recorded as missed at which no run succeeded since, in order."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    missed = still_missed(lake.runs.records(settings.index.name))
    return sorted({record.logical_time for record in missed})


def refuse_wrong_range(first: date, last: date) -> None:
    """Raise ConfigError where there is no day between the two, or too many."""
    if first > last:
        raise ConfigError(f"from_date {first} is after to_date {last}: exchange them")
    if (last - first).days > 366 * 100:
        raise ConfigError(f"{first} to {last} is more than a hundred years: choose fewer")


def refuse_wrong_steps(times: Sequence[datetime], most: int, now: datetime) -> None:
    """Raise ConfigError where there is no step, more than `most`, or one that has yet to come."""
    if not times:
        raise ConfigError("no step falls between from_date and to_date: choose other dates")
    if len(times) > most:
        raise ConfigError(
            f"{len(times)} steps are more than max_steps = {most}: take fewer days, a longer "
            "`every`, or raise max_steps; the same form continues where it stopped"
        )
    if times[-1] > now:
        raise ConfigError(
            f"the step {isoformat(times[-1])} has not come yet (it is {isoformat(now)}): end on "
            "an earlier day, or choose an earlier time of day"
        )


def refuse_undated(settings: Settings, accept: bool) -> None:
    """Raise ConfigError where a source can only say what it holds today, unless that is meant."""
    undated = sorted(settings.sources.keys() - dated_names(settings))
    if undated and not accept:
        uri = redacted(settings.sources[undated[0]].uri)
        raise ConfigError(
            f"the source {undated[0]!r} ({uri}) names no date, so it can only say what it holds "
            "today: every step would hold the same. Name the day in it, as in docs/{date} or "
            "docs/{as_of:%Y/%m/%d}, or say accept_undated if today's documents are meant"
        )
    if not settings.sources:
        raise ConfigError("no source is configured: give `source`, as in docs/{date}")


def report(plan: BackfillPlan, dry_run: bool) -> dict[str, Any]:
    """What a backfill did or would do, as one JSON object; `counts` are steps by status."""
    steps = [step.to_json() for step in plan.steps]
    return {
        "dry_run": dry_run,
        "lakehouse": plan.settings.lakehouse,
        "index_name": plan.index,
        "counts": dict(sorted(Counter(step["status"] for step in steps).items())),
        "steps": steps,
    }


def headline(result: Mapping[str, Any]) -> str:
    """One sentence: how far the backfill is."""
    steps = result["steps"]
    left = [step["at"] for step in steps if step["status"] in ("to do", "failed")]
    passed = sum(step["status"] == "passed over" for step in steps)
    done = f"{len(steps) - len(left) - passed} of {len(steps)} steps are done"
    done += f", {passed} passed over" if passed else ""
    span = f"{steps[0]['at']} to {steps[-1]['at']}"
    if result["dry_run"]:
        return f"Dry run: {len(left)} of {len(steps)} steps to do, {span}."
    if left:
        return f"Stopped at {left[0]}: {done}."
    return f"{done}, {span}." if passed else f"All {len(steps)} steps are done, {span}."


def page(result: Mapping[str, Any], next_steps: Sequence[str]) -> str:
    """The report as Markdown: the headline, what to do next, and the steps."""
    rows = [
        (
            step["at"],
            step["status"],
            step["release"],
            step["documents"],
            step["seconds"],
            step["note"],
        )
        for step in result["steps"][:_SHOWN]
    ]
    head = ("time", "status", "release", "documents", "seconds", "note")
    counts = ", ".join(f"{count} {status}" for status, count in result["counts"].items())
    where = f"Index {code(result['index_name'])} in {code(result['lakehouse'])}: {counts}."
    lines = [f"# {headline(result)}", "", where, "", *(f"- {step}" for step in next_steps), ""]
    lines += [table(head, rows), "", first_of(len(rows), len(result["steps"]), "the table below")]
    return "\n".join(lines).rstrip() + "\n"

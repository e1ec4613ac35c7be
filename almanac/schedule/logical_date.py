"""The logical date of a run, and the dates of its schedule at which nothing ran.

What ran comes from the lakehouse, never from Prefect, which forgets what it never created. All
times are UTC; a schedule's time zone is the business of whoever gives its dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lakehouse.releases import Release
from lakehouse.runs import RunRecord
from schemas.errors import RunRefused, TimePast
from schemas.times import as_utc, isoformat

Dates = Callable[[datetime, datetime], Sequence[datetime]]  # those from start to end, both included
MOST_MISSED = 400  # missed dates that one run looks after
_FIRST_WINDOW = timedelta(minutes=10)
_WINDOW_GROWS = 4
_OLDEST = timedelta(days=5 * 366)  # a schedule without a date for longer is none
_SECOND = timedelta(seconds=1)
_AHEAD = timedelta(hours=1)  # that a logical date may be by; clocks of two hosts differ by less
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The active schedules of a deployment together.

    `key` changes when they do, and they have been as they are at least since `since`.
    """

    dates: Dates
    key: str = ""
    since: datetime | None = None


class LogicalDate:
    """The instant as of which a run reads and publishes; `due` is when the run itself was due.

    Without a schedule: a person or another flow asked for the run and gave its date.
    """

    def __init__(self, at: datetime, due: datetime, schedule: Schedule | None = None) -> None:
        self.at = as_utc(at)
        self.due = as_utc(due)
        self.schedule = schedule

    @property
    def scheduled(self) -> bool:
        """Is it a date of a schedule?"""
        return self.schedule is not None

    def missed(self, records: Sequence[RunRecord]) -> list[datetime]:
        """The newest dates before this one without a record, in order: `MOST_MISSED` + 1 at most.

        They are looked for after the newest scheduled date that has a record, or after the newest
        record where none is scheduled. Before the first record nothing was missed, and a schedule
        had no dates before it was one.
        """
        before = [record for record in records if record.logical_time < self.at]
        if self.schedule is None or not before:
            return []
        last = max(
            [record for record in before if record.scheduled] or before,
            key=lambda record: record.logical_time,
        )
        after = last.logical_time
        if last.schedule not in ("", self.schedule.key):
            after = max(after, self.schedule.since or self.at)
        recorded = {record.logical_time for record in records}
        dates = newest_dates(self.schedule.dates, after, self.at - _SECOND, MOST_MISSED + 1)
        return [date for date in dates if date not in recorded]

    def to_catch_up(self, records: Sequence[RunRecord], latest: Release | None) -> list[datetime]:
        """The missed dates that a dated source can still be read for, in order, the newest ones.

        Those missed now, and those whose data was absent then; all of them later than the newest
        release, because history is only added to.
        """
        since = max(
            [record.logical_time for record in records if record.succeeded]
            + ([latest.logical_time] if latest else []),
            default=_NEVER,
        )
        absent = {record.logical_time for record in records if record.status == "missed"}
        ran = {record.logical_time for record in records if record.status != "missed"}
        dates = (absent - ran) | set(self.missed(records))
        return sorted(date for date in dates if since < date < self.at)[-MOST_MISSED:]


def refuse_future(at: datetime, now: datetime) -> None:
    """Raise RunRefused for a logical date further ahead than an hour: a slip of the pen, mostly.

    Once a release is published for it, every night before that date is refused.
    """
    at = as_utc(at)
    if at > now + _AHEAD:
        present = isoformat(now.replace(microsecond=0))
        raise RunRefused(
            f"--as-of {isoformat(at)} is in the future (it is {present}), and every night until "
            "then would be refused; a date means its last instant. Leave it out for the present, "
            "or say --allow-future if you mean it"
        )


def refuse_past(at: datetime, latest: Release | None) -> None:
    """Raise TimePast for a logical date before the newest release."""
    if latest and at < latest.logical_time:
        raise TimePast(
            f"--as-of {isoformat(at)} is earlier than the newest release, "
            f"{latest.seq} of {isoformat(latest.logical_time)}: history is only added to"
        )


def newest_logical_date(due: datetime, now: datetime, schedule: Schedule) -> LogicalDate:
    """The newest date of a schedule that has come, and at least the one the run was due at."""
    come = newest_dates(schedule.dates, None, now, 1)
    return LogicalDate(max([as_utc(due), *come]), due, schedule)


def newest_dates(
    dates: Dates, after: datetime | None, until: datetime, most: int
) -> list[datetime]:
    """The newest `most` dates after `after`, up to and including `until`, in order.

    Looked for in windows that grow backwards, so that a schedule of seconds costs no more than one
    of months.
    """
    until = as_utc(until)
    oldest = until - _OLDEST if after is None else as_utc(after)
    window = _FIRST_WINDOW
    while True:
        start = max(until - window, oldest)
        in_window = [date for date in _all_dates(dates, start, until) if date > oldest]
        if len(in_window) >= most or start == oldest:
            return in_window[-most:]
        window *= _WINDOW_GROWS


def _all_dates(dates: Dates, start: datetime, until: datetime) -> Iterator[datetime]:
    """Every date from `start` to `until`: Prefect gives at most a thousand at once."""
    start = start.replace(microsecond=0)  # Prefect rounds fractions of a start up
    last = start - _SECOND
    while start <= until:
        fresh = sorted({date for given in dates(start, until) if (date := as_utc(given)) > last})
        if not fresh:
            return
        yield from fresh
        last = fresh[-1]
        start = last + _SECOND


def already_published(
    records: Sequence[RunRecord], latest: Release | None, at: datetime
) -> tuple[int | None, datetime] | None:
    """The release that covers a date, and the date it was made as of; None where none does.

    A release covers its own logical date and, since history is only added to, all earlier ones.
    """
    covering = [
        (record.logical_time, record.release)
        for record in records
        if record.succeeded and record.logical_time >= at
    ]
    if latest and latest.logical_time > at:
        covering.append((latest.logical_time, latest.seq))
    if not covering:
        return None
    date, release = min(covering, key=lambda pair: pair[0])
    return release, date

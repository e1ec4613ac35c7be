"""Whose turn it is: which time a run on a schedule speaks for, and which times nothing ran at.

What ran comes from the lakehouse, never from Prefect, which forgets what it never created. All
times are UTC; a schedule's time zone is the business of whoever gives its dates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from lakehouse import Lakehouse
from lakehouse.releases import Release, answering
from lakehouse.runs import Night, without_withdrawn
from schemas.errors import RunRefused
from schemas.times import as_utc, isoformat

Dates = Callable[[datetime, datetime], Sequence[datetime]]  # those from start to end, both included
MOST = 400  # missed times that one run looks after
_FIRST_WINDOW = timedelta(minutes=10)
_WINDOW_GROWS = 4
_OLDEST = timedelta(days=5 * 366)  # a schedule that is silent for longer is none
_SECOND = timedelta(seconds=1)
_AHEAD = timedelta(hours=1)  # that a logical time may be by; clocks of two hosts differ by less
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The active schedules of a deployment together.

    `key` differs where they do, and they have been as they are at least since `since`.
    """

    dates: Dates
    key: str = ""
    since: datetime | None = None


class Past:
    """The rows and releases of an index, the latest first; each read once, when first asked for."""

    def __init__(self, lake: Lakehouse, index: str) -> None:
        self._lake = lake
        self.index = index

    @cached_property
    def nights(self) -> list[Night]:
        """What nightly runs say of their times."""
        nights = self._lake.runs.nights(self.index)
        return without_withdrawn(nights, {one.seq for one in self.history if one.withdrawn_by})

    @cached_property
    def history(self) -> list[Release]:
        """Every release, candidates too."""
        return self._lake.releases(self.index).history()

    @property
    def latest(self) -> Release | None:
        """The release that answers; None before the first."""
        return answering(self.history)

    @property
    def published(self) -> dict[datetime, int]:
        """The numbers of the releases that a nightly run published, by their logical time."""
        return {
            one.logical_time: one.seq
            for one in self.history
            if one.kind == "publish" and not one.withdrawn_by
        }


class Turn:
    """The time a run speaks for. `own` is when it was due itself.

    Without a schedule: a person or another flow asked for the run, at the time it speaks for.
    """

    def __init__(self, at: datetime, own: datetime, schedule: Schedule | None = None) -> None:
        self.at = as_utc(at)
        self.own = as_utc(own)
        self.schedule = schedule

    @property
    def scheduled(self) -> bool:
        """Is the time one of a schedule?"""
        return self.schedule is not None

    def missed(self, nights: Sequence[Night]) -> list[datetime]:
        """The newest times before `at`, in order, of which no row stands: at most `MOST` + 1.

        They are looked for after the newest time of the schedule that has a row, or after the
        newest row where none is of a schedule. Before the first row nothing was missed, and nothing
        was at the times of a schedule before it was one.
        """
        before = [night for night in nights if night.logical_time < self.at]
        if self.schedule is None or not before:
            return []
        last = max(
            [night for night in before if night.scheduled] or before,
            key=lambda night: night.logical_time,
        )
        after = last.logical_time
        if last.schedule not in ("", self.schedule.key):
            after = max(after, self.schedule.since or self.at)
        told = {night.logical_time for night in nights}
        found = newest_dates(self.schedule.dates, after, self.at - _SECOND, MOST + 1)
        return [time for time in found if time not in told]

    def to_make_up(self, nights: Sequence[Night], latest: Release | None) -> list[datetime]:
        """The times that a dated source can still be read for, in order, the newest `MOST`.

        Those missed now, and those that were when their data was not there yet; all of them later
        than the newest release, because history is only added to.
        """
        since = max(
            [night.logical_time for night in nights if night.spoke]
            + ([latest.logical_time] if latest else []),
            default=_NEVER,
        )
        absent = {night.logical_time for night in nights if night.status == "missed"}
        ran = {night.logical_time for night in nights if night.status != "missed"}
        times = (absent - ran) | set(self.missed(nights))
        return sorted(time for time in times if since < time < self.at)[-MOST:]


def refuse_future(at: datetime, now: datetime) -> None:
    """Raise RunRefused for a logical time further ahead than an hour: a slip of the pen, mostly.

    Once a release speaks for it, every night before that time is refused.
    """
    at = as_utc(at)
    if at > now + _AHEAD:
        present = isoformat(now.replace(microsecond=0))
        raise RunRefused(
            f"--as-of {isoformat(at)} is in the future (it is {present}), and every night until "
            "then would be refused; a date means its last instant. Leave it out for the present, "
            "or say --allow-future if you mean it"
        )


def newest_turn(own: datetime, now: datetime, schedule: Schedule) -> Turn:
    """The newest time of a schedule that has come, and at least the run's own."""
    come = newest_dates(schedule.dates, None, now, 1)
    return Turn(max([as_utc(own), *come]), own, schedule)


def newest_dates(
    dates: Dates, after: datetime | None, until: datetime, most: int
) -> list[datetime]:
    """The newest `most` times after `after`, up to and including `until`, in order.

    Looked for in windows that grow backwards, so that a schedule of seconds costs no more than one
    of months.
    """
    until = as_utc(until)
    oldest = until - _OLDEST if after is None else as_utc(after)
    window = _FIRST_WINDOW
    while True:
        start = max(until - window, oldest)
        found = [time for time in _all_dates(dates, start, until) if time > oldest]
        if len(found) >= most or start == oldest:
            return found[-most:]
        window *= _WINDOW_GROWS


def _all_dates(dates: Dates, start: datetime, until: datetime) -> Iterator[datetime]:
    """Every time from `start` to `until`: Prefect gives at most a thousand at once."""
    start = start.replace(microsecond=0)  # Prefect rounds fractions of a start up
    last = start - _SECOND
    while start <= until:
        fresh = sorted({time for one in dates(start, until) if (time := as_utc(one)) > last})
        if not fresh:
            return
        yield from fresh
        last = fresh[-1]
        start = last + _SECOND


def spoken_for(
    nights: Sequence[Night], latest: Release | None, at: datetime
) -> tuple[int | None, datetime] | None:
    """The release that speaks for a time or a later one already, and that time; None: none does."""
    said = [
        (night.logical_time, night.release)
        for night in nights
        if night.spoke and night.logical_time >= at
    ]
    if latest and latest.logical_time > at:
        said.append((latest.logical_time, latest.seq))
    if not said:
        return None
    time, release = min(said, key=lambda one: one[0])
    return release, time


def nothing_left(release: int | None, time: datetime, turn: Turn) -> str:
    """What a run says that ends because another one spoke for its time."""
    who = "the lakehouse" if release is None else f"release {release}"
    late = f"late run of {isoformat(turn.own)}" if turn.own < turn.at else "run"
    return f"{who} already speaks for {isoformat(time)}; this {late} had nothing left to say"


def caught_up(missed: Sequence[datetime], made_up: Sequence[datetime]) -> str:
    """What a run says of the times before its own at which nothing ran; empty where there is none.

    Of `missed` more than `MOST` means that there were more.
    """
    said = []
    if made_up:
        said.append(f"Ran {_count(made_up)} first, {_span(made_up)}, each on its own data.")
    if missed:
        newest = missed[-MOST:]
        more = f"more than {MOST} times" if len(missed) > MOST else _count(newest)
        said.append(
            f"Nothing had run at {more} of the schedule before this one; stored as missed: "
            f"{_span(newest)}."
        )
    return " ".join(said)


def _count(times: Sequence[datetime]) -> str:
    return "1 time" if len(times) == 1 else f"{len(times)} times"


def _span(times: Sequence[datetime]) -> str:
    first, last = isoformat(times[0]), isoformat(times[-1])
    return first if len(times) == 1 else f"{first} to {last}"

"""What an index has of its past dates, and the sentences about those that were missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property

from almanac.schedule.logical_date import MOST_MISSED, LogicalDate, already_published
from lakehouse import Lakehouse
from lakehouse.releases import Release, answering
from lakehouse.runs import RunRecord, missed_id, without_withdrawn
from schemas.times import isoformat

_KILLED = "the run was ended after it had published release {}, before its report"


class IndexHistory:
    """The run records and releases of an index, newest first; each read once, when first needed."""

    def __init__(self, lake: Lakehouse, index: str) -> None:
        self._lake = lake
        self.index = index

    @cached_property
    def records(self) -> list[RunRecord]:
        """One record a nightly run, and one a missed date."""
        withdrawn = {one.seq for one in self.releases if one.withdrawn_by}
        return without_withdrawn(self._lake.runs.records(self.index), withdrawn)

    @cached_property
    def releases(self) -> list[Release]:
        """Every release, candidates too."""
        return self._lake.releases(self.index).history()

    @property
    def latest(self) -> Release | None:
        """The release that answers; None before the first."""
        return answering(self.releases)

    @property
    def published(self) -> dict[datetime, int]:
        """The numbers of the releases that a nightly run published, by their logical date."""
        return {
            release.logical_time: release.seq
            for release in self.releases
            if release.kind == "publish" and not release.withdrawn_by
        }

    def superseded(self, date: LogicalDate) -> str:
        """Why a scheduled run has nothing left to do; empty where it has."""
        if not date.scheduled:
            return ""
        covering = already_published(self.records, self.latest, date.at)
        return _superseded(*covering, date) if covering else ""

    def missed_records(
        self, date: LogicalDate, now: datetime, reason: Callable[[datetime], str]
    ) -> list[RunRecord]:
        """A record for each date of the schedule before this one that has none, in order.

        `reason` says why nothing ran at a date. A run that was killed between its release and its
        record gets the record `published`.
        """
        if date.schedule is None:
            return []
        published, latest = self.published, self.latest
        return [
            RunRecord(
                run_id=missed_id(self.index, at),
                logical_time=at,
                started_at=now,
                status="published" if at in published else "missed",
                release=published.get(at, latest.seq if latest else None),
                scheduled=True,
                message=_KILLED.format(published[at]) if at in published else reason(at),
                schedule=date.schedule.key,
            )
            for at in date.missed(self.records)
        ]


def _superseded(release: int | None, at: datetime, date: LogicalDate) -> str:
    what = "the lakehouse" if release is None else f"release {release}"
    run = f"late run of {isoformat(date.due)}" if date.due < date.at else "run"
    return f"{what} is already as of {isoformat(at)}: this {run} has nothing left to do"


def catch_up_message(missed: Sequence[datetime], caught_up: Sequence[datetime]) -> str:
    """What a run reports of the dates before its own at which nothing ran; empty without any."""
    sentences = []
    if caught_up:
        sentences.append(
            f"Ran {_count(caught_up)} first, {_span(caught_up)}, each on its own data."
        )
    if missed:
        newest = missed[-MOST_MISSED:]
        more = len(missed) > MOST_MISSED
        count = f"more than {MOST_MISSED} dates" if more else _count(newest)
        sentences.append(
            f"Nothing had run at {count} of the schedule before this one; stored as missed: "
            f"{_span(newest)}."
        )
    return " ".join(sentences)


def _count(dates: Sequence[datetime]) -> str:
    return "1 date" if len(dates) == 1 else f"{len(dates)} dates"


def _span(dates: Sequence[datetime]) -> str:
    first, last = isoformat(dates[0]), isoformat(dates[-1])
    return first if len(dates) == 1 else f"{first} to {last}"

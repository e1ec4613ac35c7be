"""The logical date of a scheduled run, and what counts as missed: pure logic."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.schedule.catch_up import IndexHistory, catch_up_message
from almanac.schedule.logical_date import (
    MOST_MISSED,
    LogicalDate,
    Schedule,
    already_published,
    newest_dates,
    newest_logical_date,
)
from lakehouse import open_lakehouse
from lakehouse.runs import RunRecord
from tests.releases.test_policy import release


def day(number: int, hour: int = 2) -> datetime:
    return datetime(2026, 3, number, hour, tzinfo=UTC)


def daily(start: datetime, end: datetime) -> Sequence[datetime]:
    """Every day at two, UTC, at most a thousand at once as Prefect gives them."""
    first = datetime.combine(start.date(), day(1).timetz())
    found = [first + timedelta(days=n) for n in range(1_000)]
    return [time for time in found if start <= time <= end]


def every_ten_seconds(start: datetime, end: datetime) -> Sequence[datetime]:
    first = start + timedelta(seconds=-start.second % 10)
    found = [first + timedelta(seconds=10 * n) for n in range(1_000)]
    return [time for time in found if time <= end]


DAILY = Schedule(daily)


def night(
    at: datetime, status: str = "published", scheduled: bool = True, schedule: str = ""
) -> RunRecord:
    return RunRecord(f"run of {at}", at, at, status, 7, scheduled, "", schedule)


def test_a_late_run_takes_the_newest_date_that_has_come() -> None:
    date = newest_logical_date(day(3), day(6, 12), DAILY)
    assert (date.at, date.due, date.scheduled) == (day(6), day(3), True)


def test_a_run_that_starts_early_keeps_its_own_time() -> None:
    early = day(4) - timedelta(seconds=8)
    assert newest_logical_date(day(4), early, DAILY).at == day(4)


def test_a_schedule_that_was_taken_away_leaves_the_runs_own_time() -> None:
    assert newest_logical_date(day(3), day(6), Schedule(lambda start, end: [])).at == day(3)


def test_times_without_a_row_were_missed() -> None:
    date = newest_logical_date(day(8), day(8), DAILY)
    nights = [night(day(5), "failed"), night(day(3)), night(day(2))]
    assert date.missed(nights) == [day(6), day(7)]
    assert date.missed([*nights, night(day(6), "missed")]) == [day(7)]


def test_a_manual_run_between_hides_no_missed_time() -> None:
    date = newest_logical_date(day(6), day(6), DAILY)
    nights = [night(day(5, 13), scheduled=False), night(day(3))]
    assert date.missed(nights) == [day(4), day(5)]


def test_before_a_schedule_only_what_came_after_the_last_run_was_missed() -> None:
    date = newest_logical_date(day(6), day(6), DAILY)
    assert date.missed([night(day(4, 13), scheduled=False)]) == [day(5)]


def test_a_schedule_has_no_missed_times_from_before_it_was_one() -> None:
    weekly = [night(day(1), schedule="weekly")]
    changed = newest_logical_date(day(8), day(8), Schedule(daily, "daily", since=day(6, 12)))
    assert changed.missed(weekly) == [day(7)]
    unknown = newest_logical_date(day(8), day(8), Schedule(daily, "daily"))
    assert unknown.missed(weekly) == []
    for same in ("daily", ""):  # or a row from before rows told it
        assert unknown.missed([night(day(5), schedule=same)]) == [day(6), day(7)]


def test_the_first_run_and_a_manual_one_missed_nothing() -> None:
    assert newest_logical_date(day(6), day(6), DAILY).missed([]) == []
    assert LogicalDate(day(6), day(6)).missed([night(day(1))]) == []


def test_the_newest_missed_times_are_looked_after_and_no_more() -> None:
    at = day(2, 0)
    date = newest_logical_date(at, at, Schedule(every_ten_seconds))
    missed = date.missed([night(day(1, 0))])
    assert len(missed) == MOST_MISSED + 1
    assert missed[-1] == at - timedelta(seconds=10)
    assert missed[0] == at - timedelta(seconds=10 * (MOST_MISSED + 1))
    assert catch_up_message(missed, []).startswith(
        f"Nothing had run at more than {MOST_MISSED} dates"
    )


@pytest.mark.parametrize("most", [1, 999, 3_000])
def test_more_dates_than_prefect_gives_at_once(most: int) -> None:
    found = newest_dates(every_ten_seconds, None, day(2, 0), most)
    assert found == [day(2, 0) - timedelta(seconds=10 * n) for n in range(most)][::-1]


def test_after_is_left_out_and_until_is_not() -> None:
    assert newest_dates(daily, day(3), day(5), 9) == [day(4), day(5)]


def test_a_run_of_a_later_date_covers_this_one() -> None:
    assert already_published([night(day(4)), night(day(2))], None, day(3)) == (7, day(4))
    assert already_published([night(day(3), "unchanged")], None, day(3)) == (7, day(3))
    for status in ("failed", "refused", "held", "missed"):
        assert already_published([night(day(3), status)], None, day(3)) is None


def test_the_message_names_the_release_and_both_dates(tmp_path: Path) -> None:
    history = IndexHistory(open_lakehouse(str(tmp_path / "lake")), "documents")
    history.records = [night(day(4))]
    history.releases = []
    assert history.superseded(newest_logical_date(day(3), day(4), DAILY)) == (
        "release 7 is already as of 2026-03-04T02:00:00Z: this late run of 2026-03-03T02:00:00Z "
        "has nothing left to do"
    )


def test_a_dated_source_catches_up_on_what_is_later_than_the_newest_release() -> None:
    date = newest_logical_date(day(9), day(9), DAILY)
    nights = [
        night(day(7), "missed"),  # its data was not there
        night(day(6), "failed"),  # it ran: its row says what was wrong
        night(day(5)),
        night(day(4), "missed"),  # a later release stands
    ]
    assert date.to_catch_up(nights, None) == [day(7), day(8)]
    assert date.to_catch_up([], None) == []
    assert date.to_catch_up([night(day(6), "failed")], None) == [day(7), day(8)]


def test_a_candidate_is_no_published_release(tmp_path: Path) -> None:
    lake = open_lakehouse(str(tmp_path / "lake"))
    for seq, kind in enumerate(("publish", "candidate"), 1):
        lake.releases("documents").append(release(seq, f"2026-03-0{seq}", kind))
    history = IndexHistory(lake, "documents")
    assert history.latest and history.latest.seq == 1
    assert list(history.published.values()) == [1]

"""The logical times of a backfill."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import pytest

from almanac.schedule.backfill import (
    refuse_undated,
    refuse_wrong_range,
    refuse_wrong_steps,
    scheduled_times,
    times_of,
)
from schemas.errors import ConfigError
from schemas.settings import Settings, SourceSettings
from schemas.times import isoformat, parse_time_of_day

FEBRUARY, MARCH = date(2026, 2, 27), date(2026, 3, 2)
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_step_speaks_for_the_last_instant_of_its_day() -> None:
    assert [isoformat(at) for at in times_of(FEBRUARY, MARCH, "day", None)] == [
        "2026-02-27T23:59:59.999999Z",
        "2026-02-28T23:59:59.999999Z",
        "2026-03-01T23:59:59.999999Z",
        "2026-03-02T23:59:59.999999Z",
    ]


def test_weeks_begin_on_the_first_day_and_months_end_on_their_last() -> None:
    weeks = times_of(FEBRUARY, date(2026, 3, 13), "week", time(2))
    assert [isoformat(at) for at in weeks] == [
        "2026-02-27T02:00:00Z",
        "2026-03-06T02:00:00Z",
        "2026-03-13T02:00:00Z",
    ]
    months = times_of(date(2026, 1, 31), date(2026, 4, 29), "month", time(2))
    assert [at.date() for at in months] == [
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
    ]


def test_a_schedule_gives_its_own_times_of_both_days() -> None:
    def every_twelve_hours(start: datetime, end: datetime) -> Sequence[datetime]:
        first = datetime(2026, 1, 1, tzinfo=UTC)
        found = [first + timedelta(hours=12 * n) for n in range(1_000)]
        return [at for at in found if start <= at <= end]

    found = scheduled_times(FEBRUARY, date(2026, 2, 28), every_twelve_hours)
    assert [isoformat(at)[:13] for at in found] == [
        "2026-02-27T00",
        "2026-02-27T12",
        "2026-02-28T00",
        "2026-02-28T12",
    ]


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ConfigError, match="from_date 2026-03-02 is after to_date 2026-02-27"):
        refuse_wrong_range(MARCH, FEBRUARY)
    with pytest.raises(ConfigError, match="no step falls between"):
        refuse_wrong_steps(times_of(FEBRUARY, FEBRUARY, "month", None), 9, NOW)
    with pytest.raises(ConfigError, match="4 steps are more than max_steps = 3"):
        refuse_wrong_steps(times_of(FEBRUARY, MARCH, "day", None), 3, NOW)
    with pytest.raises(ConfigError, match=r"2026-03-02T23:59:59\.999999Z has not come yet"):
        refuse_wrong_steps(
            times_of(FEBRUARY, MARCH, "day", None), 9, datetime(2026, 3, 2, 12, tzinfo=UTC)
        )


def test_a_source_without_a_date_is_refused_unless_meant() -> None:
    settings = Settings(
        sources={
            "pages": SourceSettings(uri="docs/{date}"),
            "items": SourceSettings(uri="items.csv"),
        }
    )
    with pytest.raises(ConfigError, match=r"'items' \(items.csv\) names no date"):
        refuse_undated(settings, accept=False)
    refuse_undated(settings, accept=True)
    with pytest.raises(ConfigError, match="no source is configured"):
        refuse_undated(Settings(), accept=True)


def test_a_time_of_day() -> None:
    assert parse_time_of_day(" 02:30 ") == time(2, 30)
    assert parse_time_of_day("") is None
    with pytest.raises(ConfigError, match="'2 am' is no time of day; right is 02:00"):
        parse_time_of_day("2 am")

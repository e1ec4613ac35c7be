"""The backfill flow: steps in order, resumed where it stopped, refused where it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prefect import flow

from almanac.releases.restore import restore
from flows.nightly import nightly
from schemas.errors import BackfillStopped, ConfigError, RunRefused
from schemas.settings import load_settings
from tasks.backfill import plan_backfill, run_backfill
from tests.flows.conftest import House
from tests.flows.test_keeping import newest_page

pytestmark = pytest.mark.slow

TEXT = "# Mail\n\nOn day {day} the settings of the phone are on page {day}.\n"


class Past:
    """Folders of some days in March, and a lakehouse to fill."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.folder = house.docs.parent / "days"
        config = house.config.read_text().replace('uri = "docs"', 'uri = "days/{date}"')
        house.config.write_text(config)

    def deliver(self, *days: int, text: str = TEXT) -> None:
        for day in days:
            folder = self.folder / f"2026-03-{day:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "mail.md").write_text(text.format(day=day))

    def fill(self, first: int, last: int, **parameters: Any) -> dict[str, Any]:
        from flows.backfill import backfill

        return backfill(
            from_date=date(2026, 3, first),
            to_date=date(2026, 3, last),
            config=str(self.house.config),
            **{"dry_run": False} | parameters,
        )

    def releases(self) -> list[tuple[int, datetime, int, str]]:
        found = self.house.lake.releases("documents").history()[::-1]
        return [(one.seq, one.logical_time, one.rows, one.digest) for one in found]

    def rows(self) -> list[tuple[int, str]]:
        """(day, status) of every row, the oldest time first."""
        nights = self.house.lake.runs.records("documents")[::-1]
        return [(one.logical_time.day, one.status) for one in nights]


@pytest.fixture
def past(house: House) -> Past:
    return Past(house)


def statuses(result: dict[str, Any]) -> list[str]:
    return [step["status"] for step in result["steps"]]


def test_a_dry_run_lists_the_steps_and_changes_nothing(past: Past) -> None:
    past.deliver(1, 3)
    result = past.fill(1, 3, dry_run=True)
    assert statuses(result) == ["to do"] * 3
    assert [bool(step["note"]) for step in result["steps"]] == [False, True, False]
    assert not Path(past.house.uri).exists()
    page = newest_page("backfill-report")
    assert page.startswith("# Dry run: 3 of 3 steps to do, 2026-03-01T23:59:59.999999Z to ")
    assert "Data is absent for some steps" in page


def test_each_step_is_a_release_of_its_day_and_a_second_run_adds_nothing(past: Past) -> None:
    past.deliver(1, 2)
    past.deliver(3, text=TEXT.format(day=2))  # as the day before
    result = past.fill(1, 3)
    assert statuses(result) == ["published", "published", "unchanged"]
    assert [(seq, at.day, at.microsecond) for seq, at, _, _ in past.releases()] == [
        (1, 1, 999_999),
        (2, 2, 999_999),
    ]
    assert past.rows() == [(1, "published"), (2, "published"), (3, "unchanged")]
    assert statuses(past.fill(1, 3)) == ["done before"] * 3
    assert past.rows() == [(1, "published"), (2, "published"), (3, "unchanged")]
    assert newest_page("backfill-report").startswith("# All 3 steps are done, ")


def test_an_interrupted_series_resumed_equals_an_unbroken_one(
    new_house: Callable[[str], House],
) -> None:
    broken, whole = Past(new_house("broken")), Past(new_house("whole"))
    whole.deliver(1, 2, 3, 4)
    whole.fill(1, 4)
    broken.deliver(1, 2, 4)
    with pytest.raises(BackfillStopped, match=r"the step 2026-03-03T23.*does not exist") as stopped:
        broken.fill(1, 4)
    assert "start the same form again" in str(stopped.value)
    assert broken.rows() == [(1, "published"), (2, "published"), (3, "missed")]
    assert "Stopped at 2026-03-03T23:59:59.999999Z: 2 of 4" in newest_page("backfill-report")
    broken.deliver(3)
    result = broken.fill(1, 4)
    assert statuses(result) == ["done before", "done before", "published", "published"]
    assert broken.releases() == whole.releases()


def test_absent_days_can_be_passed_over_for_good(past: Past) -> None:
    past.deliver(1, 3)
    result = past.fill(1, 3, when_absent="pass over")
    assert statuses(result) == ["published", "passed over", "published"]
    assert past.rows() == [(1, "published"), (2, "missed"), (3, "published")]
    passed = past.house.lake.runs.records("documents")[1]
    assert (passed.scheduled, passed.release) == (False, 1)
    assert newest_page("backfill-report").startswith("# 2 of 3 steps are done, 1 passed over, ")
    again = past.fill(1, 3, when_absent="pass over")
    assert statuses(again) == ["done before", "passed over", "done before"]
    assert past.rows() == [(1, "published"), (2, "missed"), (3, "published")]


def test_missed_times_before_the_newest_release_are_refused_and_not_done(past: Past) -> None:
    past.deliver(1, 3)
    past.fill(1, 3, when_absent="pass over")
    past.deliver(2)
    with pytest.raises(RunRefused, match=r"1 of the 1 steps.*no missed times"):
        past.fill(1, 3, every="missed")
    with pytest.raises(ConfigError, match="no time from 2026-03-03 to 2026-03-03 stands as missed"):
        past.fill(3, 3, every="missed")


def test_a_hold_that_comes_during_a_series_stops_it(past: Past) -> None:
    past.deliver(1, 2, 3)
    past.fill(1, 2)
    settings = load_settings(past.house.config)

    @flow
    def series() -> None:
        planned = plan_backfill(settings, date(2026, 3, 1), date(2026, 3, 3), "day", "", 9, False)
        restore(settings, 1, "publish", hold=True)
        run_backfill(planned, nightly, {"config": str(past.house.config)}, "stop")

    with pytest.raises(BackfillStopped, match=r"2026-03-03T23.*tells nightly runs to hold back"):
        series()
    assert past.rows()[-1] == (3, "held")
    assert "Stopped at 2026-03-03T23:59:59.999999Z: 2 of 3" in newest_page("backfill-report")


def test_the_past_before_the_newest_release_is_refused_up_front(past: Past) -> None:
    past.deliver(1, 2, 3)
    past.fill(2, 2)
    with pytest.raises(RunRefused, match=r"1 of the 3 steps.*earlier than release 1, which"):
        past.fill(1, 3)
    assert past.rows() == [(2, "published")]


def test_a_source_without_a_date_is_refused(past: Past) -> None:
    past.house.configure("")
    past.house.put("mail.md", TEXT)
    with pytest.raises(ConfigError, match="names no date"):
        past.fill(1, 2)
    result = past.fill(1, 2, accept_undated=True, at="02:00")
    assert statuses(result) == ["published", "unchanged"]
    assert past.releases()[0][1] == datetime(2026, 3, 1, 2, tzinfo=UTC)


def test_the_nightly_deployments_own_times(past: Past) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.schedules import CronSchedule

    from flows.nightly import nightly

    with pytest.raises(ConfigError, match="no deployment nightly/nightly"):
        past.fill(28, 30, every="schedule", dry_run=True)
    schedule = CronSchedule(cron="0 2 * * *", timezone="Europe/Berlin")
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(nightly),
            name="nightly",
            paused=True,
            schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)],
        )
    try:
        result = past.fill(28, 30, every="schedule", dry_run=True)
    finally:
        with get_client(sync_client=True) as client:
            client.delete_deployment(deployment)
    assert [step["at"] for step in result["steps"]] == [
        "2026-03-28T01:00:00Z",
        "2026-03-29T00:00:00Z",
        "2026-03-30T00:00:00Z",
    ]


def test_the_command_line_fills_what_is_missing_and_lists_runs(past: Past) -> None:
    past.deliver(1, 3)
    with pytest.raises(BackfillStopped):
        past.fill(1, 2)
    past.deliver(2)
    listed = json.loads(almanac(past, "runs", "--missing", "--json"))
    assert [(run["as_of"], run["release"]) for run in listed["runs"]] == [
        ("2026-03-02T23:59:59.999999Z", 1)
    ]
    result = json.loads(almanac(past, "backfill", "--missing", "--yes", "--json"))
    assert statuses(result) == ["published"]
    assert almanac(past, "backfill", "--missing") == "No time is missing.\n"
    assert almanac(past, "runs", "--missing") == "No time was missed.\n"
    lines = almanac(past, "runs").splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["2026-03-02T23:59:59.999999Z", "published", "2"],
        ["2026-03-02T23:59:59.999999Z", "missed", "1"],
        ["2026-03-01T23:59:59.999999Z", "published", "1"],
    ]


def almanac(past: Past, *words: str) -> str:
    from almanac.cli.app import main

    done = CliRunner().invoke(main, [*words, "--config", str(past.house.config)])
    assert done.exit_code == 0, done.output
    return done.stdout

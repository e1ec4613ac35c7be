"""Runs on a schedule: late ones, missed times, and dated folders that make up for them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.states import Scheduled

from almanac.embedding import factory
from almanac.ingest import compare
from almanac.schedule.logical_date import Schedule, newest_dates, newest_logical_date
from lakehouse.runs import RunRecord
from schemas.times import isoformat
from tasks.prefect_schedule import AUTO, dates_of, key_of, schedule_of
from tests.flows.conftest import House

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
BERLIN = CronSchedule(cron="0 2 * * *", timezone="Europe/Berlin")
RRULE = RRuleSchedule(rrule="FREQ=DAILY;BYHOUR=9;BYMINUTE=30;BYSECOND=0", timezone="UTC")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


class Deployed:
    """The nightly flow with a schedule at two, UTC, and its runs as a worker does them."""

    def __init__(self, house: House) -> None:
        from flows.nightly import nightly

        self.house, self._flow = house, nightly
        schedule = CronSchedule(cron="0 2 * * *", timezone="UTC")
        with get_client(sync_client=True) as client:
            self._id = client.create_deployment(
                flow_id=client.create_flow(nightly),
                name=house.docs.parent.name,
                schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)],
                parameters={"config": str(house.config)},
                paused=True,
            )
        self.schedule = schedule_of(str(self._id))
        self.at = newest_dates(dates_of([schedule]), None, datetime.now(UTC), 1)[0]

    def run(self, due: datetime, tag: str = AUTO, **parameters: Any) -> tuple[Any, FlowRun]:
        """A run that was due then: what it returned, and how Prefect has it."""
        from prefect.flow_engine import run_flow

        with get_client(sync_client=True) as client:
            flow_run = client.create_flow_run_from_deployment(
                self._id, state=Scheduled(scheduled_time=due), tags=[tag], parameters=parameters
            )
            result = run_flow(self._flow, flow_run=flow_run, parameters=flow_run.parameters)
            return result, client.read_flow_run(flow_run.id)

    def once(self, as_of: datetime) -> dict[str, Any]:
        return self._flow(config=str(self.house.config), as_of=as_of)

    def rows(self) -> list[tuple[int, str, int | None]]:
        """(days before the newest time, status, release) of every row, the oldest first."""
        nights = self.house.lake.runs.records("documents")[::-1]
        return [((self.at - one.logical_time).days, one.status, one.release) for one in nights]

    def children(self, run_id: UUID) -> list[str]:
        from prefect.client.schemas.filters import FlowRunFilter
        from prefect.client.schemas.filters import FlowRunFilterParentFlowRunId as Parent

        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(
                flow_run_filter=FlowRunFilter(parent_flow_run_id=Parent(any_=[run_id]))
            )
        return [run.name for run in sorted(found, key=lambda run: run.created)]


@pytest.fixture
def deployed(house: House) -> Iterator[Deployed]:
    house.put("mail.md", "# Mail\n\nOpen the settings of the phone and add the account.\n")
    yield Deployed(house)


def test_a_late_run_takes_the_newest_date_and_the_others_were_missed(
    deployed: Deployed,
) -> None:
    deployed.once(deployed.at - 3 * DAY)
    result, run = deployed.run(deployed.at - DAY)
    assert (result["as_of"], result["scheduled"]) == (isoformat(deployed.at), True)
    assert result["schedule"] == deployed.schedule.key
    assert run.state_name == "Completed"
    expected = [(3, "published", 1), (2, "missed", 1), (1, "missed", 1), (0, "unchanged", 1)]
    assert deployed.rows() == expected
    assert result["caught_up"] == (
        "Nothing had run at 2 dates of the schedule before this one; stored as missed: "
        f"{isoformat(deployed.at - 2 * DAY)} to {isoformat(deployed.at - DAY)}."
    )
    missed = deployed.house.lake.runs.records("documents")[1]
    assert "nothing ran at this date of the schedule" in missed.message


def test_a_release_whose_run_left_no_row_was_not_missed(deployed: Deployed) -> None:
    deployed.once(deployed.at - 2 * DAY)
    deployed.house.put("mail.md", "# Mail\n\nAnother text.\n")
    deployed.once(deployed.at - DAY)
    log = deployed.house.lake.delta("runs")
    first = deployed.at - 2 * DAY
    log.replace([row for row in log.read().to_pylist() if row["logical_time"] == first])
    result, _ = deployed.run(deployed.at)
    assert deployed.rows() == [(2, "published", 1), (1, "published", 2), (0, "unchanged", 2)]
    assert result["caught_up"] == ""
    told = deployed.house.lake.runs.records("documents")[1]
    assert told.message.startswith("the run was ended after it had published release 2")


def test_a_run_whose_date_is_published_ends_at_once(deployed: Deployed) -> None:
    first, _ = deployed.run(deployed.at - DAY)
    deployed.house.put("mail.md", "# Mail\n\nAnother text, for the next night.\n")
    rows = deployed.house.lake.runs.rows()
    result, run = deployed.run(deployed.at)
    said = f"release 1 is already as of {isoformat(deployed.at)}: this run has nothing left to do"
    assert (run.state_name, run.state.message) == ("Completed", said)
    assert (result["published"], result["message"]) == (False, said)
    _, run = deployed.run(deployed.at - 2 * DAY)
    assert f"this late run of {isoformat(deployed.at - 2 * DAY)} has nothing" in run.state.message
    assert deployed.house.lake.runs.rows() == rows
    assert first["release"] == 1
    assert len(deployed.house.lake.releases("documents").history()) == 1


@pytest.mark.parametrize(("same", "told"), [(True, [2, 1]), (False, [])])
def test_a_changed_schedule_has_missed_nothing_before_it_was_one(
    deployed: Deployed, same: bool, told: list[int]
) -> None:
    assert deployed.schedule.since and deployed.schedule.since > deployed.at  # deployed just now
    key, then = deployed.schedule.key if same else "another", deployed.at - 3 * DAY
    row = RunRecord("a night", then, then, "failed", None, True, "the disk is full", key)
    runs = deployed.house.lake.runs
    runs.append_missed("documents", [row], deployed.house.lake.location.guard)
    deployed.run(deployed.at)
    missed = [night for night in runs.records("documents") if night.status == "missed"]
    assert [(deployed.at - night.logical_time).days for night in missed] == told[::-1]
    assert {night.schedule for night in missed} <= {deployed.schedule.key}


def test_a_schedule_is_known_by_what_it_says() -> None:
    keys = set()
    for said in (
        CronSchedule(cron="0 2 * * *", timezone="UTC"),
        BERLIN,
        IntervalSchedule(interval=DAY, anchor_date=utc(2026, 1, 1)),
        IntervalSchedule(interval=DAY, anchor_date=utc(2026, 1, 2)),
    ):
        keys.add(key_of([said]))
    assert len(keys) == 3
    assert key_of([BERLIN, RRULE]) == key_of([RRULE, BERLIN])


def test_a_manual_run_speaks_for_when_it_was_due(deployed: Deployed) -> None:
    due = deployed.at - timedelta(hours=1)
    result, _ = deployed.run(due, tag="by hand")
    assert (result["as_of"], result["scheduled"]) == (isoformat(due), False)


def test_a_time_that_failed_is_run_again(deployed: Deployed) -> None:
    moved = deployed.house.docs.rename(deployed.house.docs.with_name("moved"))
    with pytest.raises(Exception, match="cannot be opened"):
        deployed.run(deployed.at)
    moved.rename(deployed.house.docs)
    deployed.run(deployed.at)
    assert deployed.rows() == [(0, "failed", None), (0, "published", 1)]


def dated(deployed: Deployed, *texts: str | None) -> None:
    """A folder a day, the last one of the newest time; None: that day there is none."""
    house = deployed.house
    text = house.config.read_text().replace('uri = "docs"', 'uri = "days/{date}"')
    house.config.write_text(text)
    for days, text_of_day in enumerate(reversed(texts)):
        folder = house.docs.parent / "days" / f"{deployed.at - days * DAY:%Y-%m-%d}"
        if text_of_day is not None:
            folder.mkdir(parents=True)
            (folder / "mail.md").write_text(f"# Mail\n\n{text_of_day}\n")


def test_missed_times_of_a_dated_source_run_first_each_on_its_own_data(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    dated(deployed, "Day three.", "Day two.", None, "Today.")
    deployed.once(deployed.at - 3 * DAY)
    opened = []
    real = factory.open_encoder
    monkeypatch.setattr(factory, "open_encoder", lambda said: opened.append(said) or real(said))
    result, run = deployed.run(deployed.at)
    assert len(opened) == 1  # of two runs
    assert deployed.rows() == [
        (3, "published", 1),
        (2, "published", 2),
        (1, "missed", 2),
        (0, "published", 3),
    ]
    assert deployed.children(run.id) == [
        f"nightly as of {isoformat(deployed.at - 2 * DAY)}, missed"
    ]
    assert result["caught_up"].startswith("Ran 1 date first, ")
    missed = deployed.house.lake.runs.records("documents")[1]
    assert f"{deployed.at - DAY:%Y-%m-%d}, does not exist: nothing was changed" in missed.message
    texts = [deployed.house.lake.as_of(seq).text(one) for seq, one in documents(deployed)]
    assert texts == ["# Mail\n\nDay three.\n", "# Mail\n\nDay two.\n", "# Mail\n\nToday.\n"]


def test_a_missed_time_that_cannot_be_listed_holds_up_no_night(deployed: Deployed) -> None:
    dated(deployed, "Day two.", None, "Today.")
    deployed.once(deployed.at - 2 * DAY)
    os.mkfifo(deployed.house.docs.parent / "days" / f"{deployed.at - DAY:%Y-%m-%d}")
    result, _ = deployed.run(deployed.at)
    assert deployed.rows() == [(2, "published", 1), (1, "missed", 1), (0, "published", 2)]
    assert result["caught_up"].startswith("Nothing had run at 1 date")
    missed = deployed.house.lake.runs.records("documents")[1]
    assert "is neither a folder nor a file" in missed.message


def test_a_missed_time_that_fails_holds_up_no_night(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    dated(deployed, "Day two.", "Day one.", "Today.")
    deployed.once(deployed.at - 2 * DAY)
    real, failed = compare.check_losses, []

    def fail_once(*given: Any) -> Any:
        if not failed:
            failed.append(True)
            raise OSError("No space left on device")
        return real(*given)

    monkeypatch.setattr(compare, "check_losses", fail_once)
    result, _ = deployed.run(deployed.at)
    assert deployed.rows() == [(2, "published", 1), (1, "failed", 1), (0, "published", 2)]
    assert result["caught_up"] == ""


def documents(deployed: Deployed) -> list[tuple[int, Any]]:
    return [
        (seq, deployed.house.lake.as_of(seq).find("mail.md"))
        for seq in range(1, len(deployed.house.lake.releases("documents").history()) + 1)
    ]


def test_a_day_that_is_delivered_late_is_made_up_for(deployed: Deployed) -> None:
    dated(deployed, "Day two.", None, None)
    deployed.once(deployed.at - 2 * DAY)
    with pytest.raises(Exception, match="does not exist: nothing was changed"):
        deployed.once(deployed.at - DAY)
    with pytest.raises(Exception, match="does not exist: nothing was changed"):
        deployed.run(deployed.at)
    assert deployed.rows() == [(2, "published", 1), (1, "missed", 1), (0, "missed", 1)]
    for days, text in ((1, "Day one."), (0, "Today.")):
        folder = deployed.house.docs.parent / "days" / f"{deployed.at - days * DAY:%Y-%m-%d}"
        folder.mkdir(parents=True)
        (folder / "mail.md").write_text(f"# Mail\n\n{text}\n")
    deployed.run(deployed.at)
    spoke = [(days, status, seq) for days, status, seq in deployed.rows() if status != "missed"]
    assert spoke == [(2, "published", 1), (1, "published", 2), (0, "published", 3)]


def test_rows_of_another_index_say_nothing(deployed: Deployed) -> None:
    deployed.house.configure('[index]\nname = "other"\n')
    deployed.run(deployed.at)
    deployed.house.configure("")
    result, _ = deployed.run(deployed.at)
    assert result["published"]
    report = json.loads(deployed.house.lake.runs.rows()[0]["report"])
    assert report["index_name"] == "documents"


def test_the_day_of_25_hours_and_the_day_of_23_have_one_night_each() -> None:
    dates = dates_of([BERLIN])
    autumn = newest_dates(dates, utc(2026, 10, 23, 12), utc(2026, 10, 27, 12), 99)
    assert autumn == [
        utc(2026, 10, 24),
        utc(2026, 10, 25),
        utc(2026, 10, 26, 1),
        utc(2026, 10, 27, 1),
    ]
    spring = newest_dates(dates, utc(2026, 3, 27, 12), utc(2026, 3, 31, 12), 99)
    assert spring == [utc(2026, 3, 28, 1), utc(2026, 3, 29), utc(2026, 3, 30), utc(2026, 3, 31)]


@pytest.mark.parametrize(
    ("evening", "nights"),
    [
        (utc(2026, 10, 24, 22), (utc(2026, 10, 24), utc(2026, 10, 25), utc(2026, 10, 26, 1))),
        (utc(2026, 3, 28, 22), (utc(2026, 3, 28, 1), utc(2026, 3, 29), utc(2026, 3, 30))),
    ],
)
def test_whenever_one_looks_back_the_newest_night_is_the_same(
    evening: datetime, nights: tuple[datetime, ...]
) -> None:
    dates = dates_of([BERLIN])
    for minute in range(0, 28 * 60, 7):
        now = evening + timedelta(minutes=minute)
        expected = max(night for night in nights if night <= now)
        assert newest_logical_date(evening - 2 * DAY, now, Schedule(dates)).at == expected, now


def test_all_kinds_of_schedules_are_asked_together() -> None:
    dates = dates_of(
        [
            BERLIN,
            IntervalSchedule(interval=12 * timedelta(hours=1), anchor_date=utc(2026, 1, 1, 6)),
            RRULE,
        ]
    )
    found = newest_dates(dates, utc(2026, 6, 1), utc(2026, 6, 2), 99)
    assert found == [
        utc(2026, 6, 1, 6),
        utc(2026, 6, 1, 9, 30),
        utc(2026, 6, 1, 18),
        utc(2026, 6, 2),
    ]

"""`{date}` is the day in the schedule's own zone, each day exactly once, whatever the clocks do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.server.schemas.schedules import CronSchedule

from almanac.ingest.run import Run
from almanac.schedule.dated import lost_day, settings_at
from almanac.supervisor.deploying import PROJECT_FILE, plan, project_root
from schemas.dated import resolved
from schemas.errors import ConfigError
from schemas.settings import Settings, SourceSettings, load_settings
from schemas.times import end_of_day
from tasks.prefect_schedule import dates_of

CASES = [
    ("30 1 * * *", "Europe/Berlin"),
    ("30 0 * * *", "Europe/London"),
    ("30 19 * * *", "America/New_York"),
    ("0 2 * * *", "Europe/Berlin"),
    ("15 0 * * *", "Australia/Lord_Howe"),  # a change of half an hour
    ("45 23 * * *", "Asia/Kathmandu"),
]


def due(cron: str, zone: str, first: datetime, days: int) -> list[datetime]:
    rule = CronSchedule(cron=cron, timezone=zone)
    return list(dates_of([rule])(first, first + timedelta(days=days)))


def dated(zone: str, uri: str = "dumps/{date}") -> Settings:
    return Settings(time_zone=zone, sources={"dumps": SourceSettings(uri=uri)})


@pytest.mark.parametrize(("cron", "zone"), CASES)
def test_each_day_of_a_year_is_read_once(cron: str, zone: str) -> None:
    times = due(cron, zone, datetime(2027, 1, 1, 12, tzinfo=UTC), 400)
    read = [settings_at(dated(zone), at).sources["dumps"].uri for at in times]
    first = date.fromisoformat(read[0].removeprefix("dumps/"))
    assert read == [f"dumps/{first + timedelta(days=at)}" for at in range(len(read))]


def test_utc_loses_a_day_and_reads_one_twice_as_it_did() -> None:
    times = due("30 1 * * *", "Europe/Berlin", datetime(2027, 3, 1, tzinfo=UTC), 300)
    read = [resolved("{date}", at) for at in times]
    assert read.count("2027-03-28") == 2
    assert "2027-10-31" not in read


def test_every_part_of_an_address_is_of_the_zone() -> None:
    at = datetime(2027, 7, 1, 22, 30, tzinfo=UTC)
    assert resolved("{as_of:%Y/%m/%d-%H}", at, "Europe/Berlin") == "2027/07/02-00"
    assert resolved("{as_of:%G-W%V}", datetime(2027, 1, 3, 23, tzinfo=UTC), "Europe/Berlin") == (
        "2027-W01"
    )


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
def test_a_date_alone_is_that_date_in_every_zone(zone: str) -> None:
    assert resolved("{date}", end_of_day(date(2027, 3, 28)), zone) == "2027-03-28"


def test_a_run_reads_the_day_of_the_zone(tmp_path: Path) -> None:
    settings = dated("Europe/Berlin").model_copy(update={"lakehouse": str(tmp_path / "lake")})
    run = Run(settings, datetime(2027, 7, 1, 23, 30, tzinfo=UTC), "r")
    assert run.settings.sources["dumps"].uri == "dumps/2027-07-02"


def test_the_zone_is_a_setting_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "almanac.toml"
    file.write_text('time_zone = "Europe/Berlin"\n', encoding="utf-8")
    assert load_settings(file).time_zone == "Europe/Berlin"
    for wrong in ("Berlin", "", "../etc/passwd"):
        file.write_text(f'time_zone = "{wrong}"\n', encoding="utf-8")
        with pytest.raises(ConfigError, match="is no time zone; right is"):
            load_settings(file)


@pytest.mark.parametrize(("cron", "zone"), CASES)
def test_a_schedule_is_measured_against_the_zone(cron: str, zone: str) -> None:
    times = due(cron, zone, datetime(2027, 1, 1, tzinfo=UTC), 366)
    assert lost_day(dated(zone), times, zone) == ""
    undated = dated("UTC", "dumps")
    assert lost_day(undated, times, zone) == ""
    found = lost_day(dated("UTC"), times, zone)
    loses = {at.date() for at in times} != {at.astimezone(ZoneInfo(zone)).date() for at in times}
    assert bool(found) >= loses
    if cron.startswith("30"):
        assert f'Set time_zone = "{zone}" in almanac.toml' in found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    text = (project_root() / PROJECT_FILE).read_text(encoding="utf-8")
    project = yaml.safe_load(text)
    nightly = next(one for one in project["deployments"] if one["name"] == "nightly")
    nightly["schedules"] = [{"cron": "30 1 * * *", "timezone": "Europe/Berlin", "active": True}]
    (tmp_path / PROJECT_FILE).write_text(yaml.safe_dump(project), encoding="utf-8")
    yield tmp_path


def test_a_schedule_that_loses_days_is_refused_at_deployment(project: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(ConfigError, match="days would be read twice or never") as error:
        plan(project, home, dated("UTC"), "1", {})
    assert 'Set time_zone = "Europe/Berlin"' in str(error.value)
    plan(project, home, dated("Europe/Berlin"), "1", {})
    plan(project, home, dated("UTC", "dumps"), "1", {})


def test_the_shipped_schedule_is_deployed_with_dated_sources(tmp_path: Path) -> None:
    plan(project_root(), tmp_path, dated("UTC"), "1", {})
    plan(project_root(), tmp_path, dated("Europe/Berlin"), "1", {})

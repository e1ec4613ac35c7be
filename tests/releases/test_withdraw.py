"""The newest release is taken back by adding to history, and nights go on from the one before."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.releases import retention
from almanac.releases.doctor import doctor
from almanac.releases.restore import restore
from almanac.releases.verify import verify
from almanac.releases.withdraw import withdraw
from almanac.schedule.catch_up import IndexHistory
from almanac.schedule.logical_date import already_published, refuse_future
from lakehouse import open_lakehouse
from schemas.errors import ConfigError, ReleaseNotFound, RunRefused
from tests.releases.conftest import House, night

FAR = datetime(2099, 1, 1, tzinfo=UTC)
WHY = "the clock was wrong"


def three(root: Path) -> House:
    """Releases 1 and 2 of the first two nights, and release 3 as of the year 2099."""
    house = House(root)
    house.put("printer", "The printer wants a badge.")
    house.night(1)
    house.put("badge", "A badge is blue.")
    house.night(2)
    house.put("wrong", "This was read on a wrong day.")
    night(house.settings, FAR, house.encoder)
    return house


@pytest.fixture(scope="session")
def far(tmp_path_factory: pytest.TempPathFactory) -> House:
    return three(tmp_path_factory.mktemp("far"))


@pytest.fixture
def house(far: House, tmp_path: Path) -> House:
    return far.copied_to(tmp_path / "house")


def answers(house: House) -> tuple[int, list[str]]:
    view = house.lake.as_of()
    return view.release.seq, sorted(key[1] for key in view.documents)


def sound(house: House) -> None:
    assert verify(house.lake, house.releases)["findings"] == []
    assert doctor(house.lake, "documents")["findings"] == []


def test_readers_get_the_release_before_and_the_number_is_used_up(house: House) -> None:
    done = withdraw(house.settings, 3, WHY)
    assert (done["withdrawn"], done["answers_as"], done["release"]) == (3, 2, 4)
    assert answers(house) == (4, ["badge.md", "printer.md"])
    assert house.lake.as_of("2100-01-01").release.seq == 4
    assert house.lake.as_of("2026-03-01").release.seq == 1
    assert house.lake.as_of(3).documents.keys() >= {("documents", "wrong.md")}  # by number alone
    assert [(one.seq, one.withdrawn_by) for one in house.releases] == [
        (4, 0),
        (3, 4),
        (2, 0),
        (1, 0),
    ]
    sound(house)


def test_later_nights_go_on_and_publish_what_the_sources_hold(house: House) -> None:
    withdraw(house.settings, 3, WHY)
    published = house.night(3)
    assert published.seq == 5
    assert answers(house) == (5, ["badge.md", "printer.md", "wrong.md"])
    assert house.lake.as_of("2026-03-02").release.seq == 4
    sound(house)


def test_the_time_of_a_withdrawn_night_is_spoken_for_no_more(house: House) -> None:
    report = {"index_name": "documents", "release": 3}
    house.lake.runs.append("n3", FAR, FAR, FAR, "published", report)
    tomorrow = datetime(2026, 3, 3, 2, tzinfo=UTC)
    before = IndexHistory(house.lake, "documents")
    assert already_published(before.records, before.latest, tomorrow) == (3, FAR)
    withdraw(house.settings, 3, WHY)
    after = IndexHistory(house.lake, "documents")
    assert already_published(after.records, after.latest, tomorrow) is None
    assert [one.status for one in after.records] == ["withdrawn"]


def test_one_after_the_other_may_go_down_to_none(house: House) -> None:
    withdraw(house.settings, 3, WHY)
    withdraw(house.settings, 4, "that one, too")  # what answers: it stands for release 2
    assert answers(house) == (5, ["printer.md"])
    last = withdraw(house.settings, 1, "all of it")
    assert last["answers_as"] is None
    with pytest.raises(ReleaseNotFound, match="no release that answers: run `almanac nightly`"):
        house.lake.as_of()
    assert house.night(1).seq == 7
    assert answers(house) == (7, ["badge.md", "printer.md", "wrong.md"])
    sound(house)


def test_only_the_newest_and_once(house: House) -> None:
    with pytest.raises(RunRefused, match="only the newest release can be taken back"):
        withdraw(house.settings, 2, WHY)
    with pytest.raises(ReleaseNotFound, match="no release 9"):
        withdraw(house.settings, 9, WHY)
    with pytest.raises(ConfigError, match="--reason"):
        withdraw(house.settings, 3, " ")
    sizes = house.lake.sizes()
    assert withdraw(house.settings, 3, WHY, dry_run=True)["answers_as"] == 2
    assert house.lake.sizes() == sizes
    withdraw(house.settings, 3, WHY)
    assert "taken back already, by release 4" in withdraw(house.settings, 3, WHY)["nothing_to_do"]
    assert len(house.releases) == 4


def test_retention_keeps_what_answers_and_lets_the_withdrawn_one_go(house: House) -> None:
    withdraw(house.settings, 3, WHY)
    house.keep(keep_last=1)
    retention.apply(house.settings)
    assert {one.seq: one.tier for one in house.releases} == {
        4: "hot",
        3: "cold",
        2: "cold",
        1: "cold",
    }
    assert answers(house) == (4, ["badge.md", "printer.md"])
    assert verify(house.lake, house.releases)["findings"] == []


def test_a_restore_over_a_past_history_tells_its_time_and_can_be_given_one(house: House) -> None:
    withdraw(house.settings, 3, WHY)
    planned = restore(house.settings, 1, dry_run=True)
    assert planned["speaks_for"] > "2026-03-03"
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert restore(house.settings, 1, at=at, dry_run=True)["speaks_for"] == "2026-03-02T12:00:00Z"
    restore(house.settings, 1, at=at)
    assert house.lake.as_of("2026-03-01").release.seq == 1
    assert answers(house)[1] == ["printer.md"]
    assert house.night(3).seq == 6
    with pytest.raises(RunRefused, match="earlier than release 6"):
        restore(house.settings, 2, at=at)


def test_a_restore_with_nothing_to_do_is_done_and_says_so(house: House) -> None:
    assert restore(house.settings, 3)["nothing_to_do"] == "release 3 is what answers now"
    assert "nothing_to_do" in restore(house.settings, 3, dry_run=True)
    assert "open already" in restore(house.settings, 2, mode="reopen")["nothing_to_do"]
    assert len(house.releases) == 3
    last = open_lakehouse(house.settings.lakehouse).runs.rows()[0]
    assert last["status"] == "done" and "nothing_to_do" in last["report"]


@pytest.mark.parametrize("minutes", [61, 24 * 60, 40_000_000])
def test_a_time_further_ahead_than_an_hour_is_refused(minutes: int) -> None:
    from datetime import timedelta

    now = datetime(2026, 11, 30, 5, tzinfo=UTC)
    with pytest.raises(RunRefused, match="--allow-future"):
        refuse_future(now + timedelta(minutes=minutes), now)
    refuse_future(now + timedelta(minutes=59), now)
    refuse_future(datetime(1999, 1, 1, tzinfo=UTC), now)

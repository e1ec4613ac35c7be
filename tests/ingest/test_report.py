"""What stands in `runs` of a night that stopped: before its release was published, or after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from almanac.ingest.report import Outcome, Recording
from almanac.ingest.run import Run, begin_run
from schemas.errors import LossesRefused
from tests.releases.conftest import FIRST_NIGHT, House

SAID = "Published release 1; its report failed: the disk is full"


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.put("keys", "A key opens the cabinet.")
    return house


def stop(run: Run, error: Exception, publish: Any = None, marked: bool = False) -> dict[str, Any]:
    """Record a run that publishes where told to, and raises; what its page is made of."""
    pages: list[dict[str, Any]] = []
    recording = Recording(run, Outcome(), lambda result, _: pages.append(result))
    with pytest.raises(type(error)), recording as outcome:
        outcome.release = run.releases.latest()
        released = publish() if publish else None
        if marked:
            outcome.release, outcome.published = released, True
        raise error
    [page] = pages
    return page


@pytest.mark.parametrize("marked", [True, False], ids=["in the report", "just after publishing"])
def test_what_fails_after_publishing_leaves_the_night_published(house: House, marked: bool) -> None:
    run = begin_run(house.settings, FIRST_NIGHT, f"night-{FIRST_NIGHT:%Y-%m-%d}")
    said = stop(run, OSError("the disk is full"), lambda: house.night(1), marked)
    assert (said["status"], said["release"], said["published"]) == ("published", 1, True)
    assert said["message"] == SAID
    [night] = house.lake.runs.records("documents")
    assert (night.status, night.release, night.message) == ("published", 1, SAID)
    assert night.succeeded


def test_what_fails_before_publishing_does_not(house: House) -> None:
    house.night(1)
    for error, status in ((LossesRefused("too much is gone"), "refused"), (OSError("?"), "failed")):
        said = stop(begin_run(house.settings, FIRST_NIGHT, f"a {status} one"), error)
        assert (said["status"], said["release"], said["published"]) == (status, 1, False)
    assert [row["status"] for row in house.lake.runs.rows()] == ["failed", "refused"]


def test_the_page_is_made_where_the_row_cannot_be_stored(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin_run(house.settings, FIRST_NIGHT, f"night-{FIRST_NIGHT:%Y-%m-%d}")

    def full(*_: Any) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr(run.lake.runs, "append", full)
    said = stop(run, OSError("the disk is full"), lambda: house.night(1), marked=True)
    assert said["message"] == SAID
    assert house.lake.runs.rows() == []


def test_a_release_log_that_cannot_be_read_does_not_hide_why_the_run_stopped(house: House) -> None:
    house.night(1)
    run = begin_run(house.settings, FIRST_NIGHT, "a night")

    def damage() -> None:
        for file in house.path("delta/releases").rglob("*.json"):
            file.write_text("not a log", encoding="utf-8")

    said = stop(run, OSError("the disk is full"), damage)
    assert (said["status"], said["message"]) == ("failed", "the disk is full")
    assert [row["status"] for row in house.lake.runs.rows()] == ["failed"]

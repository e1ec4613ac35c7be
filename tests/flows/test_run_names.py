"""What the list of runs in the Prefect UI says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from almanac.ingest.report import outcome_line
from flows.restore import restore
from tasks import names
from tests.flows.conftest import House

COUNTS = {"added": 3, "modified": 1, "deleted": 0, "unchanged": 9, "quarantined": 0}


@pytest.fixture
def parameters(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    given: dict[str, Any] = {}

    class Run:
        parameters = given
        scheduled_start_time = datetime(2026, 11, 30, 2, 0, 0, 123456, tzinfo=UTC)

    class Runtime:
        flow_run = Run

    monkeypatch.setattr(names, "runtime", Runtime)
    return given


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "restore 2026-11-30 02:00 UTC"),
        ({"as_of": None, "dry_run": False}, "restore 2026-11-30 02:00 UTC"),
        ({"as_of": 12, "dry_run": True}, "restore of release 12, dry run"),
        ({"as_of": datetime(2026, 3, 3, 1, 5, 9, tzinfo=UTC)}, "restore 2026-03-03 01:05 UTC"),
        ({"as_of": datetime(2026, 3, 3).date()}, "restore 2026-03-03"),  # noqa: DTZ001
        ({"as_of": "2026-03-03"}, "restore 2026-03-03"),
    ],
)
def test_a_run_is_named_by_its_flow_and_date(
    given: dict[str, Any], name: str, parameters: dict[str, Any]
) -> None:
    parameters.update(given)
    assert names.run_name("restore")() == name


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (
            {"message": "", "published": True, "release": 12, "documents": COUNTS},
            "Published release 12: 3 added, 1 modified",
        ),
        (
            {"message": "", "published": True, "release": 2, "documents": {"unchanged": 9}},
            "Published release 2: no document changed",
        ),
        (
            {"message": "", "published": False, "release": 2, "documents": COUNTS},
            "Nothing changed: release 2 keeps answering.",
        ),
        ({"message": "It holds.", "published": False, "release": 2}, "It holds."),
    ],
)
def test_the_state_says_what_came_of_a_night(result: dict[str, Any], said: str) -> None:
    assert outcome_line(result) == said


@pytest.mark.slow
def test_a_night_in_the_list_of_runs(house: House) -> None:
    house.put("travel.md", "# Travel\n\nThe head approves it.\n")
    assert house.nightly()["published"]
    assert not house.nightly()["published"]
    restore(as_of=1, config=str(house.config))
    with get_client(sync_client=True) as client:
        runs: list[FlowRun] = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC)
    assert [run.name for run in runs[:3]] == [
        "restore of release 1, dry run",
        "nightly 2026-03-02 02:00 UTC",
        "nightly 2026-03-01 02:00 UTC",
    ]
    assert [run.state.message for run in runs[1:3] if run.state] == [
        "Nothing changed: release 1 keeps answering.",
        "Published release 1: 1 added",
    ]

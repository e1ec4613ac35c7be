"""The watch as a flow: what it shows, the row that it leaves, and the events that it raises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lakehouse import Lakehouse, open_lakehouse
from schemas.feedback import Vote
from tests.drift.test_look import END, in_window, requests
from tests.flows.test_keeping import newest_page

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]
CONFIG = """lakehouse = "lake"
[drift]
resamples = 999
[drift.answers]
minimum = 20
"""


@pytest.fixture
def lake(tmp_path: Any) -> Lakehouse:
    """Five weeks of requests; everything in the last one is disliked."""
    (tmp_path / "almanac.toml").write_text(CONFIG)
    lake = open_lakehouse(str(tmp_path / "lake"))
    lake.requests.append(requests())
    lake.votes.append(
        Vote(one.request_id, one.user_id, one.asked_at, -1 if in_window(one) else 1)
        for one in requests()
    )
    return lake


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The events as they are sent."""
    from tasks import watch as stages

    sent: list[dict[str, Any]] = []
    real = stages.emit_event
    monkeypatch.setattr(stages, "emit_event", lambda **event: (sent.append(event), real(**event)))
    yield sent


def watched(tmp_path: Any, at: datetime, **parameters: Any) -> dict[str, Any]:
    from flows.watch import watch

    return watch(as_of=at, config=str(tmp_path / "almanac.toml"), **parameters)


@pytest.mark.timeout(600)
def test_a_drift_is_shown_and_raised_once_in_its_cooldown(
    lake: Lakehouse, tmp_path: Any, raised: list[dict[str, Any]]
) -> None:
    looked = watched(tmp_path, END, dry_run=True)
    assert (looked["raised"], lake.runs.rows(), raised) == ([], [], [])
    assert "Nothing was started. By hand: `tune/tune`" in newest_page("drift-report")

    first = watched(tmp_path, END)
    assert {kind: one["state"] for kind, one in first["kinds"].items()} == {
        "documents": "unknown",
        "questions": "unknown",
        "answers": "drift",
    }
    assert first["raised"] == ["answers"]
    (event,) = raised
    assert event["event"] == "almanac.drift.answers"
    assert event["resource"] == {"prefect.resource.id": "almanac.index.documents"}
    assert event["payload"]["measures"][0]["name"] == "dislikes"
    page = newest_page("drift-report")
    assert page.startswith("# Drift: moved: answers; no verdict on documents, questions\n")
    assert "Raised `almanac.drift.answers`: it starts `tune/tune` (only_if_due: True)." in page
    assert "no release yet: run" in page  # why documents have no verdict
    assert newest_page("drift-picture").startswith("data:image/png;base64,")

    next_day = watched(tmp_path, END + timedelta(days=1))
    assert next_day["kinds"]["answers"]["state"] == "drift"
    rests = (END + timedelta(days=7)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (next_day["raised"], next_day["resting"]) == ([], {"answers": rests})
    assert len(raised) == 1
    assert f"rests until {rests}" in newest_page("drift-report")

    rows = [json.loads(row["report"]) for row in lake.runs.rows()]
    assert [(row["purpose"], row["raised"]) for row in rows] == [
        ("watch", []),
        ("watch", ["answers"]),
    ]
    late = watched(tmp_path, END - timedelta(days=1))
    assert (late["kinds"]["answers"]["state"], late["raised"]) == ("drift", [])
    assert "Nothing was started: 2026-04-11T02:00:00Z was watched" in newest_page("drift-report")
    assert len(raised) == 1
    texts = json.dumps(rows)
    assert not any(one.question in texts for one in requests())


def test_a_watch_needs_no_lease(lake: Lakehouse, tmp_path: Any) -> None:
    with lake.lease("someone", "nightly run", 90.0):
        assert watched(tmp_path, END)["raised"] == ["answers"]


def test_the_watch_is_deployed_daily_and_its_reactions_are_deployments() -> None:
    from pathlib import Path

    import yaml

    from almanac.drift.reactions import REACTIONS

    root = Path(__file__).resolve().parents[2]
    deployments = yaml.safe_load((root / "prefect.yaml").read_text())["deployments"]
    watch = next(one for one in deployments if one["name"] == "watch")
    assert watch["schedules"] == [
        {"cron": "0 6 * * *", "timezone": "Europe/Berlin", "active": True}
    ]
    names = {f"{one['entrypoint'].rpartition(':')[2]}/{one['name']}" for one in deployments}
    assert {deployment for deployment, _ in REACTIONS.values()} <= names


@pytest.mark.parametrize("kind", ["documents", "questions", "answers"])
def test_a_reaction_is_what_its_form_takes(kind: str) -> None:
    from importlib import import_module

    from almanac.drift.reactions import EVENTS, REACTIONS

    deployment, parameters = REACTIONS[EVENTS[kind]]
    name = deployment.partition("/")[0]
    flow = getattr(import_module(f"flows.{name}"), name)
    assert flow.validate_parameters(parameters).items() >= parameters.items()

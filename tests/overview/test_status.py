"""What answers, and what waits for whom, on one page."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from almanac.cli.app import main
from almanac.overview.status import run_address, status
from almanac.overview.steps import _costs, size
from tests.releases.conftest import FIRST_NIGHT, House
from tests.triage.conftest import Feedback, plant

NOW = FIRST_NIGHT + timedelta(days=5, hours=1)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Feedback:
    """Three nights, nine dislikes that nobody looked into; only to be read."""
    feedback = Feedback(tmp_path_factory.mktemp("status"))
    plant(feedback)
    return feedback


def steps(house: House) -> dict[str, str]:
    """What is to be done, with its level."""
    found = status(house.settings, NOW)["steps"]
    return {one["next"]: one["level"] for one in found}


def test_a_sound_lakehouse(six: House) -> None:
    found = status(six.settings, NOW)
    assert found["ok"]
    assert found["release"]["release"] == 6
    assert found["release"]["age_hours"] == 1.0
    assert found["release"]["documents"] == len(six.lake.documents.state(6))
    assert found["disk"]["bytes"] == sum(six.lake.sizes().values())
    assert found["lease"] == {"held": False, "why": "nobody writes"}
    noted = {"kept_out": 0, "noted": 1, "feedback": 0, "rules": {"document_has_text": 1}}
    assert found["quarantine"] == noted


def test_dislikes_that_wait(asked: Feedback) -> None:
    found = status(asked.house.settings, NOW)["dislikes"]
    disliked = asked.lake.opinions.counts().disliked
    assert found["disliked"] == found["not_looked_into"] == disliked > 5
    assert steps(asked.house)["almanac triage"] == "waits"


def test_causes_once_they_are_known(planted: Feedback) -> None:
    found = status(planted.house.settings, NOW)["dislikes"]
    causes = list(planted.causes().values())
    assert found["not_looked_into"] == 0
    assert found["causes"] == {cause: causes.count(cause) for cause in found["causes"]}
    assert sum(found["causes"].values()) == len(causes)
    assert steps(planted.house)["almanac triage list"] == "waits"


def test_a_failed_night_is_what_is_wrong(house: House) -> None:
    at = FIRST_NIGHT + timedelta(days=6)
    house.lake.runs.append("r7", at, at, at, "failed", {"message": "the disk is full"})
    found = status(house.settings, NOW)
    assert not found["ok"]
    assert found["steps"][0]["level"] == "wrong"
    assert found["steps"][0]["is"] == "the newest night failed: the disk is full"
    assert [one["status"] for one in found["nights"]] == ["failed"]


def test_the_verb(six: House, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--lakehouse", str(six.path(".")), "status"])
    assert done.exit_code == 0, done.output
    assert "release 6 answers, as of" in done.output
    assert "  writer      nobody" in done.output
    missing = CliRunner().invoke(main, ["--lakehouse", str(tmp_path / "typo"), "status"])
    assert missing.exit_code == 1
    assert "typo" in missing.output


def test_where_a_run_is(monkeypatch: pytest.MonkeyPatch) -> None:
    run = "4db43b38-7483-4749-881a-bcce2b6ed2c7"
    monkeypatch.delenv("PREFECT_UI_URL", raising=False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert run_address(run) is None
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert run_address(run) == f"http://127.0.0.1:4200/v2/runs/flow-run/{run}"
    assert run_address("shell") is None


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (2.5e13, "25.0 TB")]
)
def test_bytes_for_people(number: float, said: str) -> None:
    assert size(number) == said


def test_a_user_who_spent_their_own_budget_is_no_fault_and_one_line_for_all() -> None:
    one = {"budget": "each", "unit": "usd", "limit": "2", "window": "day", "on_exceed": "block"}
    shares = {"ann": 1.2, "bob": 1.0, "cat": 0.85, "dan": 0.5}
    budgets: list[dict[str, Any]] = [
        one | {"user": user, "share": share} for user, share in shares.items()
    ]
    everybody = one | {"budget": "all", "user": None, "share": 1.0}
    found = _costs({"budgets": [budgets[0], everybody, *budgets[1:]], "unpriced": []})
    assert [(step.level, step.is_) for step in found] == [
        ("note", "the budget each of ann (and 2 others), $2 a day, is spent to 120%"),
        ("wrong", "the budget all, $2 a day, is spent to 100%"),
    ]

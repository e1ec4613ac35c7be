"""`almanac feedback`, and the page of an import."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from almanac.cli.feedback import VERBS
from almanac.cli.show_feedback import imported
from almanac.feedback.pages import import_page
from tests.feedback.conftest import Desk, request, vote

Run = Callable[..., Result]


@pytest.fixture
def run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(desk.root)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(VERBS[0], [*arguments, "--lakehouse", str(desk.root / "lake")])

    return invoke


def test_import_and_status(desk: Desk, run: Run, tmp_path: Path) -> None:
    assert "No request and no vote yet" in run("status").output
    renamed = {**request(1), "q": "What?"}
    del renamed["question"]
    log = desk.write("log.jsonl", [renamed, request(2), request(3, response=None)])
    votes = desk.write("votes.jsonl", [vote(1, correction="So."), vote(9, rating=1)])
    done = run("import", log, votes, "--columns", "question=q", "--json")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["requests"] == {"total": 3, "new": 2, "known": 0, "quarantined": 1}
    assert result["votes"] == {"total": 2, "new": 2, "known": 0, "quarantined": 0}
    page = import_page(result)
    assert "# Feedback: 2 requests and 2 votes new" in page
    assert "| requests | response_is_present | must | 1 |" in page
    shown = run("import", "--only-votes", votes).output
    assert "In the log: 2 requests, 2 votes." in shown
    assert "1 disliked, 1 of them corrected; 0 liked; 1 without a vote" in shown
    assert "of the votes 1 are on requests that did not come yet" in shown
    assert "1 × response_is_present (requests, must)" in run("status").output
    assert json.loads(run("status", "--json").stdout)["first"] == "2026-03-01T10:00:01Z"


def test_an_import_says_when_it_reaches_what_starts_a_tune(desk: Desk, run: Run) -> None:
    (desk.root / "almanac.toml").write_text("[tuning]\nmin_new_faults = 2\n")
    log = desk.write("log.jsonl", [request(number) for number in range(3)])
    first = run("import", log, desk.write("one.jsonl", [vote(1)]))
    assert first.exit_code == 0 and "tune" not in first.output
    more = desk.write("two.jsonl", [vote(2)])
    said = "2 disliked requests not looked into yet, which may be enough for a tune (0 new model "
    assert f"{said}faults of the 2 that start a tune): `almanac triage` says." in (
        run("import", "--only-votes", more).output
    )
    result = json.loads(run("import", "--only-votes", more, "--json").stdout)
    tune: dict[str, Any] = {
        "faults": 0,
        "needed": 2,
        "last_tune": None,
        "ready": False,
        "not_looked_into": 2,
    }
    assert {name: result["tune"][name] for name in tune} == tune
    tune |= {"ready": True, "reason": "2 new model faults, 2 start a tune"}
    assert "2 new model faults, 2 start a tune: `almanac tune` trains an adapter; " in imported(
        result | {"tune": tune}
    )


def test_wrong_use(desk: Desk, run: Run) -> None:
    assert run("import").exit_code == 2
    assert run("import", "nowhere.jsonl").exit_code == 1
    log = desk.write("log.jsonl", [request(1)])
    assert "FIELD=COLUMN" in run("import", log, "--columns", "question").output
    assert run("import", log, "--columns", "nothing=x").exit_code == 2
    assert run("import", log, "--only-votes", log).exit_code == 2

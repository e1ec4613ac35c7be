"""The verbs over dislikes as a person types them."""

from __future__ import annotations

import json
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from almanac.cli.options import located
from almanac.cli.triage import VERBS
from tests.triage.conftest import Feedback, plant


@pytest.fixture
def run(feedback: Feedback, monkeypatch: pytest.MonkeyPatch) -> Any:
    plant(feedback)

    @click.group()
    @located
    def main() -> None:
        pass

    for verb in VERBS:
        main.add_command(verb)
    monkeypatch.chdir(feedback.house.root)
    monkeypatch.setenv("ALMANAC_TRIAGE__MEANING", "[]")
    lake = feedback.house.settings.lakehouse

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["--lakehouse", lake, *arguments])

    return call


def test_triage_by_itself_prints_causes_and_the_work_list(run: Any) -> None:
    said = run("triage").output
    assert "9 disliked requests: 9 looked into, 0 unchanged." in said
    assert "       2  model_fault" in said
    assert "Model faults that nothing was trained on yet: 2." in said
    assert "documents: backup.md" in said
    assert "source_missing: write it down" in said
    result = json.loads(run("triage", "--json").stdout)
    assert (result["looked_into"], result["unchanged"], result["new_model_faults"]) == (0, 9, 2)
    assert json.loads(run("triage", "run", "--all", "--json").stdout)["looked_into"] == 9
    assert json.loads(run("triage", "--to", "2026-03-01", "--json").stdout)["disliked"] == 0


def test_list_and_show(run: Any) -> None:
    assert run("triage", "list").output.startswith("No disliked request was looked into")
    run("triage")
    assert "missed" in run("triage", "list", "--cause", "retrieval_missed").output
    said = run("triage", "show", "stale").output
    assert "source_stale: " in said
    assert "answered from release 2, searched by text" in said
    assert "held against release 3" in said
    assert "supported 0.8" in said
    assert json.loads(run("triage", "show", "differ", "--json").stdout)["cause"] == (
        "votes_contradict"
    )
    missing = run("triage", "show", "nobody")
    assert missing.exit_code == 1
    assert "request 'nobody' was not looked into" in missing.output

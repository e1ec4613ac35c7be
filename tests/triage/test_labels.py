"""Causes that people settle, and what they make of verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from almanac.cli.options import located
from almanac.cli.triage import VERBS
from almanac.triage.intervals import wilson
from schemas.feedback import Triaged
from tests.triage.conftest import ASKED, Feedback, plant


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Feedback:
    feedback = Feedback(Path(tmp_path_factory.mktemp("labels")))
    plant(feedback)
    feedback.triage()
    return feedback


@pytest.fixture
def run(labelled: Feedback, monkeypatch: pytest.MonkeyPatch) -> Any:
    @click.group()
    @located
    def main() -> None:
        pass

    for verb in VERBS:
        main.add_command(verb)
    monkeypatch.chdir(labelled.house.root)
    monkeypatch.setenv("ALMANAC_TRIAGE__MEANING", "[]")

    def call(*arguments: str, said: str | None = None) -> Result:
        lake = labelled.house.settings.lakehouse
        return CliRunner().invoke(main, ["--lakehouse", lake, *arguments], input=said)

    return call


def test_wilson() -> None:
    low, high = wilson(10, 10)
    assert (round(low, 3), round(high, 3)) == (0.722, 1.0)
    assert wilson(0, 0) == (0.0, 1.0)


def test_settled_in_the_terminal_and_by_a_file(
    run: Any, labelled: Feedback, tmp_path: Path
) -> None:
    file = tmp_path / "cases.jsonl"
    said = run("triage", "label", "--out", str(file), "--count", "7")
    assert "7 cases to settle" in said.output
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len({row["found"] for row in rows}) == 7  # each cause in turn

    # In the terminal: the first is settled by its number, one is left out, then the end.
    first = rows[0]["request_id"]
    said = run("triage", "label", "--by", "ann", "--count", "3", said="9\n4\n\nq\n")
    assert said.exit_code == 0, said.output
    assert "a number from 1 to 7, Enter or q" in said.output
    assert "1 label stored." in said.output
    stored = labelled.lake.triage_labels.current()
    assert {name: (one.cause, one.labelled_by) for name, one in stored.items()} == {
        first: ("model_fault", "ann")
    }

    # By the file: what is empty is left out; the first is said otherwise, and the newest counts.
    file.write_text(
        "".join(
            json.dumps({"request_id": row["request_id"], "cause": row["found"] if at < 6 else ""})
            + "\n"
            for at, row in enumerate(rows)
        )
    )
    result = json.loads(run("triage", "label", "--in", str(file), "--by", "bob", "--json").stdout)
    assert (result["stored"], result["labels"]) == (6, 6)
    assert result["causes"]["model_fault"]["precision"]["share"] == 1.0
    assert labelled.lake.triage_labels.current()[first].labelled_by == "bob"
    assert "By the labels of people:" in run("triage").output


def test_a_change_of_rules_is_replayed_on_the_labels(run: Any, labelled: Feedback) -> None:
    settled = labelled.lake.triage_labels.current()
    assert settled["fault"].cause == "model_fault" if "fault" in settled else settled
    name = sorted(settled)[0]
    before = labelled.found()[name]
    old = Triaged(name, "not_judged", "", before.evidence, (), "by rules of before")
    labelled.lake.triage.record([old], "old", ASKED)
    labelled.lake.triage.record([before], "new", ASKED)
    rules = json.loads(run("triage", "label", "--report", "--json").stdout)["rules"]
    assert set(rules) == {"1", "2"}
    cause = settled[name].cause
    assert rules["1"][cause]["right"] == 0
    assert rules["2"][cause]["right"] == 1
    assert "By version 1 of the rules:" in run("triage", "label", "--report").output


def test_files_that_are_wrong_store_nothing(run: Any, labelled: Feedback, tmp_path: Path) -> None:
    count = len(labelled.lake.triage_labels.current())
    file = tmp_path / "wrong.jsonl"
    for line, said in (
        ('{"request_id": "fault", "cause": "bad"}', "line 1: 'bad' is none of"),
        ("[1]", "line 1: no JSON object"),
        ('{"request_id": "nobody", "cause": "model_fault"}', "no request has the id 'nobody'"),
    ):
        file.write_text(line)
        result = run("triage", "label", "--in", str(file))
        assert result.exit_code == 1
        assert said in result.output
    assert len(labelled.lake.triage_labels.current()) == count

"""What an earlier version wrote answers as it did then, to the last bit, and is proven sound."""

from __future__ import annotations

import shutil

import pytest

from tests.compat.conftest import Written
from tests.compat.project import MODES, CommandFailed


def test_every_open_release_answers_as_it_did(written: Written) -> None:
    recorded = written.recorded["answers"]
    for seq in written.tier("hot"):
        assert written.answers(seq) == recorded[seq]
    assert len(written.tier("hot")) >= 3


def test_a_date_is_the_release_that_it_was(written: Written) -> None:
    recorded = written.recorded
    for when, seq in recorded["as_of"].items():
        found = written.almanac("documents", "--as-of", when)
        assert (found["release"], found["documents"]) == (seq, recorded["documents"][str(seq)])
        if str(seq) in written.tier("hot"):
            answers = {mode: written.search(when, mode) for mode in MODES}
            assert answers == recorded["answers"][str(seq)]


def test_history_runs_and_quarantine_are_what_they_were(written: Written) -> None:
    recorded = written.recorded
    for release in written.almanac("history")["releases"]:
        before = next(one for one in recorded["history"] if one["seq"] == release["seq"])
        assert {key: release[key] for key in before} == before
    assert written.almanac("runs")["runs"] == recorded["runs"]
    rows = written.almanac("quarantine", "list", "--all")["rows"]
    notes = [row.pop("note") for row in rows]  # a column that came later
    assert rows == recorded["quarantine"] and not any(notes)


def test_every_release_is_proven_and_the_doctor_finds_nothing(written: Written) -> None:
    proven = written.almanac("verify", "--all")
    assert (proven["ok"], proven["findings"]) == (True, [])
    assert len(proven["releases"]) == len(written.releases)
    assert written.almanac("doctor")["findings"] == []


def test_a_closed_release_is_not_open_until_it_is_built_again(own: Written) -> None:
    recorded = own.recorded["answers"]
    for seq in own.tier("cold"):
        with pytest.raises(CommandFailed, match=f"release {seq} is cold"):
            own.search(seq, "vector")
        own.almanac("restore", "--as-of", seq, "--mode", "reopen", "--yes")
        assert own.answers(seq) == recorded[seq]
    assert own.almanac("verify", "--all")["ok"]


def test_a_lost_index_is_built_again_exactly(own: Written) -> None:
    assert own.almanac("doctor", "--heal")["findings"] == []
    shutil.rmtree(own.root / "lake" / "lance")
    with pytest.raises(CommandFailed):
        own.almanac("doctor")
    own.almanac("doctor", "--heal")
    recorded = own.recorded["answers"]
    for seq in own.tier("hot"):
        assert own.answers(seq) == recorded[seq]
    assert own.almanac("verify", "--all")["ok"]
    assert own.almanac("doctor")["findings"] == []

"""What an earlier version wrote is gone on with: nothing is new to it that it knew."""

from __future__ import annotations

from typing import Any

import pytest

from almanac.dataset.guards import GUARDS
from lakehouse import open_lakehouse
from tests.compat.conftest import Written
from tests.compat.project import CommandFailed

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]


def with_feedback(project: Written) -> Written:
    if "import" not in project.recorded:
        pytest.skip("no feedback is in it")
    return project


def dataset_of_now(project: Written) -> dict[str, Any]:
    """A dataset built again: the examples of then, by the rules of then and the guards of now."""
    before = project.recorded["dataset"]
    text = project.config.read_text(encoding="utf-8")
    if "rules = 1" not in text:
        project.config.write_text(text.replace("[dataset]", "[dataset]\nrules = 1"), "utf-8")
    built: dict[str, Any] = project.almanac("dataset", "build")
    for key in ("examples", "split", "dropped"):
        assert built[key] == before[key]
    moved = project.almanac("dataset", "diff", before["dataset"][:12], built["dataset"][:12])
    assert (moved["gone"], moved["new"], moved["changed_side"]) == ([], [], [])
    assert (moved["rules"], moved["versions"]) == ({}, {"guards": ["1", GUARDS]})
    return built


def test_a_night_without_a_change_publishes_nothing(own: Written) -> None:
    report = own.almanac("nightly")
    newest = own.releases[0]
    assert (report["status"], report["release"]) == ("unchanged", newest["seq"])
    assert report["documents"]["unchanged"] == newest["documents"]
    assert len(own.almanac("history")["releases"]) == len(own.releases)


def test_a_night_with_a_change_publishes_it_and_nothing_else(own: Written) -> None:
    own.put("later.md", "# Later\n\nThe new lift goes to floor nine.\n")
    own.put("printer.md", "# Printer\n\nThe printer was taken away.\n")
    report = own.almanac("nightly")
    newest = own.releases[0]
    documents = {name: report["documents"][name] for name in ("added", "modified", "deleted")}
    assert documents == {"added": 1, "modified": 1, "deleted": 0}
    assert report["status"] == "published"
    assert report["chunks"]["embedded"] == report["chunks"]["added"] <= 4
    release = own.almanac("history")["releases"][0]
    assert release["seq"] == newest["seq"] + 1
    kept = ("lance_table", "chunker", "embedder", "embedder_identity", "search")
    assert {name: release[name] for name in kept} == {name: newest[name] for name in kept}
    hits = own.almanac("search", "lift to floor nine", "--mode", "text")["hits"]
    assert hits[0]["doc_id"] == "later.md"
    for seq in own.tier("hot"):
        assert own.answers(seq) == own.recorded["answers"][seq]
    assert own.almanac("verify", "--all")["findings"] == []
    assert own.almanac("doctor")["findings"] == []
    assert own.almanac("nightly")["status"] == "unchanged"


def test_a_restore_answers_as_the_release_did(own: Written) -> None:
    first = own.tier("hot")[-1]
    back = own.almanac("restore", "--as-of", first, "--reason", "wrong page")
    answers = own.answers(str(back["release"]))
    assert answers == own.recorded["answers"][first]
    copied = Written(own.root.parent / "copied")
    copied.root.mkdir()
    copied.config.write_text(own.config.read_text(), encoding="utf-8")
    target = str(copied.root / "lake")
    own.almanac("restore", "--as-of", first, "--mode", "copy", "--to", target)
    assert copied.answers(first) == answers
    assert own.almanac("verify", "--all")["ok"]


def test_feedback_that_was_imported_is_known(own: Written) -> None:
    recorded = with_feedback(own).recorded
    taken = own.almanac("feedback", "import")
    for table in ("requests", "votes"):
        assert taken[table] == recorded["import"][table]
        assert (taken[table]["new"], taken[table]["quarantined"]) == (0, 0)
    status = own.almanac("feedback", "status")
    assert {key: status[key] for key in recorded["feedback"]} == recorded["feedback"]


def test_verdicts_stand_and_the_dataset_is_the_same(own: Written) -> None:
    recorded = with_feedback(own).recorded
    before = recorded["triage"]["requests"]
    result = own.almanac("triage")
    assert (result["looked_into"], result["unchanged"]) == (0, len(before))
    assert own.almanac("triage", "list")["requests"] == before
    built = dataset_of_now(own)
    assert own.almanac("dataset", "build")["new"] is False
    own.almanac("dataset", "export", built["dataset"][:12], "--to", str(own.root / "exported"))
    assert own.almanac("adapters", "list")["adapters"] == recorded["adapters"]["adapters"]


def test_triage_of_everything_says_the_same_again(own: Written) -> None:
    before = with_feedback(own).recorded["triage"]["requests"]
    for seq in own.tier("cold"):
        own.almanac("restore", "--as-of", seq, "--mode", "reopen")
    result = own.almanac("triage", "--all")
    assert result["looked_into"] == len(before)
    assert own.almanac("triage", "list")["requests"] == before


def test_retention_closes_and_an_erasure_leaves_nothing(own: Written) -> None:
    text = own.config.read_text(encoding="utf-8")
    policy = "[retention]\nkeep_last = "
    assert policy in text
    own.config.write_text(text.replace(f"{policy}3", f"{policy}2"), encoding="utf-8")
    own.almanac("retention", "apply")
    tiers = [one["tier"] for one in own.almanac("history")["releases"]]
    assert tiers.count("hot") == 2
    there = {one["doc_id"] for one in own.recorded["documents"]["1"]}
    (doc_id,) = there & {"guide-1.md", "part-1.md"}
    receipt = own.almanac("erase", "--doc", doc_id, "--source", "documents")
    assert receipt["releases"]
    for release in own.almanac("history")["releases"]:
        if release["tier"] == "hot":
            seq = str(release["seq"])
            found = own.almanac("documents", "--as-of", seq)["documents"]
            assert doc_id not in {one["doc_id"] for one in found}
    with pytest.raises(CommandFailed):
        own.almanac("documents", doc_id)
    assert own.almanac("verify", "--all")["ok"]
    assert own.almanac("doctor")["findings"] == []


def test_a_user_is_erased_with_all_that_was_learnt_of_them(own: Written) -> None:
    with_feedback(own)
    trained = open_lakehouse(str(own.root / "lake")).adapters.current()[0].trained_on
    receipt = own.almanac("erase", "--user", trained[0].replace("r-", "u-"))
    assert receipt["touched"]["requests"] == 1
    adapters = own.almanac("adapters", "list")["adapters"]
    assert {one["retrain"] for one in adapters} == {True}
    again = own.almanac("feedback", "import")
    assert again["requests"]["new"] == 0

"""What labels make of voices and of a judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from almanac.llm.judge import open_judge
from almanac.triage.calibration import cohens_kappa, judge_beside_people, weights
from almanac.triage.labels import label_of
from almanac.triage.pages import triage_page
from almanac.triage.replay import Held
from almanac.triage.replay_labels import replayed
from almanac.triage.voices import Voices
from lakehouse import open_lakehouse
from schemas.feedback import ACTIONS, Cause, Triaged, TriageLabel
from schemas.settings import EmbedderSettings, EndpointSettings, TriageSettings
from tests.triage.conftest import ASKED, Feedback, plant


def verdict(name: str, cause: Cause, agree: tuple[str, ...] = (), **more: Any) -> Triaged:
    voices = {"agree": list(agree), "against": list(more.pop("against", ()))}
    return Triaged(name, cause, ACTIONS[cause], more, (), f"f-{name}", voices=voices)


def labels_of(*causes: Cause) -> dict[str, TriageLabel]:
    return {f"r{at}": label_of(f"r{at}", cause, "ann") for at, cause in enumerate(causes)}


def test_a_voice_counts_what_it_was_right_in() -> None:
    labels = labels_of(*["model_fault"] * 3, *["source_missing"] * 7)
    verdicts = {
        name: verdict(name, "model_fault", ("words", "closer"), against=("claims:name",))
        for name in labels
    }
    verdicts["r9"] = verdict("r9", "model_fault", ("words", "literal"))
    # (3 + 1) / (10 + 1) / 0.9, and (6 + 1) / (9 + 1) / 0.9; literal was heard once.
    assert weights(labels, verdicts) == {"against:claims:name": 0.8, "closer": 0.4, "words": 0.4}
    assert weights({}, verdicts) == {}


def test_voices_that_count_little_do_not_decide() -> None:
    rules = TriageSettings(meaning=())
    pool = [Held("c", "The head of the department approves travel.")]
    asked = ("Who approves travel?", "the head of the department", "the board", pool, "yes")

    def heard(given: dict[str, float]) -> str:
        return Voices(rules, EmbedderSettings(), list, given).hear(*asked).level  # type: ignore[arg-type]

    assert heard({}) == "yes"
    few = dict.fromkeys(("words", "refuted", "claims", "differs"), 0.2)
    assert heard(few) == "unclear"


def test_cohens_kappa() -> None:
    assert cohens_kappa([("a", "a"), ("b", "b")]) == 1.0
    assert cohens_kappa([("a", "b"), ("b", "a")]) == -1.0
    assert cohens_kappa([("a", "a")] * 3) == 1.0
    pairs = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    assert cohens_kappa(pairs) == pytest.approx(0.4)


def test_a_judge_is_believed_where_it_agrees_with_people(tmp_path: Path) -> None:
    lake = open_lakehouse(str(tmp_path / "lake"))
    labels = labels_of(*["model_fault", "answer_right"] * 6)
    told = [{"verdict": "wrong", "reason": ""}]
    found = [verdict(name, one.cause, judge=told) for name, one in labels.items()]
    lake.triage.record(found[:4], "one", ASKED)
    few = judge_beside_people(lake, labels)
    assert few == {"of": 4, "agree": 1.0, "kappa": 1.0, "believed": None}
    lake.triage.record(found, "two", ASKED)
    assert judge_beside_people(lake, labels)["believed"] is True
    # Verdicts without the judge leave what it once said; those against people count.
    lake.triage.record([verdict("r0", "not_judged")], "three", ASKED)
    wrong = [verdict(name, "model_fault", judge=told) for name in labels]
    lake.triage.record(wrong, "four", ASKED)
    assert judge_beside_people(lake, labels) == {
        "of": 12,
        "agree": 0.5,
        "kappa": 0.0,
        "believed": False,
    }


def test_another_judge_is_not_refused_for_what_the_one_before_said(tmp_path: Path) -> None:
    lake = open_lakehouse(str(tmp_path / "lake"))
    labels = labels_of(*["model_fault", "answer_right"] * 6)
    before, after = (
        open_judge(EndpointSettings(model=name, base_url="http://localhost:1/v1"))
        for name in ("judge-1", "judge-2")
    )
    assert before and after
    told = [{"verdict": "wrong", "model": "judge-1", "prompt": before.identity["prompt"]}]
    wrong = [verdict(name, "model_fault", judge=told) for name in labels]
    lake.triage.record(wrong, "one", ASKED)
    assert judge_beside_people(lake, labels, before)["believed"] is False
    assert judge_beside_people(lake, labels, after) == {}


def test_labels_do_not_have_all_verdicts_looked_into_again(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    plant(feedback)
    feedback.triage()
    faults = [name for name, one in feedback.found().items() if one.voices.get("agree")]
    voice = feedback.found()[faults[0]].voices["agree"][0]
    stood = feedback.found()[faults[0]]
    again = [replace(stood, request_id=f"elsewhere-{at}", fingerprint="") for at in range(8)]
    feedback.lake.triage.record(again, "planted", ASKED)
    feedback.lake.triage_labels.append(
        [label_of(one.request_id, "source_missing", "ann") for one in again]
    )
    counts = weights(feedback.lake.triage_labels.current(), feedback.lake.triage.current())
    assert counts[voice] < 1.0
    assert feedback.triage()["looked_into"] == 0


def test_rules_are_replayed_on_labels_and_stand_in_the_report(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path)
    plant(feedback)
    feedback.triage()
    stood = feedback.found()
    name = sorted(key for key, one in stood.items() if one.cause == "model_fault")[0]
    feedback.lake.triage_labels.append([label_of(name, "model_fault", "ann")])
    settings = feedback.house.settings
    same = replayed(settings)
    assert (same["labels"], same["moved"]) == (1, [])
    assert same["after"]["model_fault"]["right"] == 1
    strict = TriageSettings(meaning=(), supported=1.0, related=1.0)
    moved = replayed(settings.model_copy(update={"triage": strict}))
    assert feedback.found()[name].cause == "model_fault"  # nothing was stored
    assert [one["before"] for one in moved["moved"]] in (["model_fault"], [])
    page = triage_page(feedback.triage() | {"work": []})
    assert "## How right they are, by the labels of people" in page
    assert "is weighed by them, so the figures flatter" in page
    assert "| model\\_fault | 1.0 (0.207 to 1.0) |" in page or "1.0 (0.207 to 1.0)" in page

"""Each cause found by replay on a real lakehouse, and what a change makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from almanac.releases import retention
from almanac.triage import worklist
from schemas.errors import AlmanacError
from schemas.feedback import ACTIONS, Passage, Vote, opinions
from schemas.settings import EndpointSettings, TriageSettings
from tests.llm.server import judges, serving, status
from tests.triage.conftest import ASKED, CANTEEN, PRINTER, Feedback, plant

CAUSES = {
    "bare": "not_judged",
    "differ": "votes_contradict",
    "elsewhere": "not_judged",
    "elsewhere-fault": "model_fault",
    "fault": "model_fault",
    "missed": "retrieval_missed",
    "missing": "source_missing",
    "right": "answer_right",
    "stale": "source_stale",
}


def signal(evidence: Any, name: str) -> dict[str, Any]:
    [found] = [one for one in evidence["signals"] if one["signal"] == name]
    return dict(found)


def test_each_cause_is_found(planted: Feedback) -> None:
    assert planted.causes() == CAUSES
    for one in planted.found().values():
        assert one.action == ACTIONS[one.cause]


def test_the_work_is_on_the_documents_that_it_is_about(planted: Feedback) -> None:
    documents = {name: [key[1] for key in one.documents] for name, one in planted.found().items()}
    assert documents["stale"] == ["backup.md"]
    assert documents["missed"] == ["mail.md"]
    assert documents["fault"] == ["printer.md"]
    assert documents["right"] == ["canteen.md"]
    assert documents["elsewhere"] == []


def test_a_model_fault_has_its_figures_and_thresholds(planted: Feedback) -> None:
    evidence = planted.found()["fault"].evidence
    assert evidence["then"] == {"release": 2, "mode": "text"}
    assert evidence["now"] == {"release": 3}
    context = signal(evidence, "support of the correction: context")
    assert context["level"] == "yes"
    assert context["figures"]["answer"] == 1.0
    assert context["thresholds"] == {"supported": 0.8, "related": 0.6, "unrelated": 0.45}
    [shown] = planted.passages(2, "printer")
    assert context["passages"] == [
        {"chunk_id": shown.chunk_id, "document": ["documents", "printer.md"]}
    ]
    agrees = signal(evidence, "agreement of response and correction")
    assert agrees["level"] == "no"


def test_the_passage_that_was_missed_is_named(planted: Feedback) -> None:
    evidence = planted.found()["missed"].evidence
    assert signal(evidence, "support of the correction: context")["level"] == "no"
    then = signal(evidence, "support of the correction: then")
    [passage] = planted.passages(2, "mail")
    assert (then["level"], then["passages"][0]["chunk_id"]) == ("yes", passage.chunk_id)


def test_a_stale_source_is_named_by_its_new_passage(planted: Feedback) -> None:
    evidence = planted.found()["stale"].evidence
    [passage] = planted.passages(3, "backup")
    now = signal(evidence, "support of the correction: now")
    assert now["passages"][0]["chunk_id"] == passage.chunk_id


def test_an_unknown_release_is_said(planted: Feedback) -> None:
    for name in ("elsewhere", "elsewhere-fault"):
        evidence = planted.found()[name].evidence
        assert evidence["then"] == {"unknown": "the release of the request is not known"}
        assert evidence["now"] is None
    assert (
        "the release of the request is not known" in planted.found()["elsewhere"].evidence["reason"]
    )


def test_evidence_holds_no_text_of_a_document(planted: Feedback) -> None:
    said = json.dumps([dict(one.evidence) for one in planted.found().values()])
    assert "orange" not in said
    assert "reception" not in said


def test_the_work_list_goes_by_document_and_cause(planted: Feedback) -> None:
    rows = worklist.work_list(planted.lake, planted.found())
    assert [(row["doc_id"], row["cause"], row["requests"]) for row in rows if row["doc_id"]] == [
        ("canteen.md", "answer_right", 1),
        ("printer.md", "not_judged", 1),
        ("mail.md", "retrieval_missed", 1),
        ("printer.md", "source_missing", 1),
        ("backup.md", "source_stale", 1),
    ]
    assert "model_fault" not in {row["cause"] for row in rows}
    assert json.loads(json.dumps(rows)) == rows


def test_one_request_with_all_its_evidence(planted: Feedback) -> None:
    found = worklist.shown(planted.house.settings, "stale")
    assert (found["cause"], found["request"]["question"][:4]) == ("source_stale", "When")
    assert found["votes"] == [
        {
            "user_id": "u1",
            "rated_at": "2026-03-02T10:00:00Z",
            "rating": -1,
            "comment": None,
            "correction": "at four o'clock",
        }
    ]
    listed = worklist.listed(planted.house.settings, "model_fault")
    assert [row["request_id"] for row in listed["requests"]] == ["elsewhere-fault", "fault"]
    assert listed["new_model_faults"] == 2
    with pytest.raises(AlmanacError, match="'nobody' was not looked into"):
        worklist.shown(planted.house.settings, "nobody")


def test_the_counts_and_the_run(feedback: Feedback) -> None:
    plant(feedback)
    feedback.vote("orphan", -1)  # a vote whose request is not known yet
    result = feedback.triage(run_id="t1")
    assert {name: result[name] for name in ("disliked", "looked_into", "unchanged", "judged")} == {
        "disliked": 9,
        "looked_into": 9,
        "unchanged": 0,
        "judged": 0,
    }
    assert result["causes"] == {
        "source_missing": 1,
        "source_stale": 1,
        "retrieval_missed": 1,
        "model_fault": 2,
        "votes_contradict": 1,
        "answer_right": 1,
        "not_judged": 2,
    }
    assert result["new_model_faults"] == 2
    again = feedback.triage()
    assert (again["looked_into"], again["unchanged"]) == (0, 9)
    assert again["causes"] == result["causes"]
    assert again["work"] == result["work"]
    rows = feedback.lake.delta("triage").query("SELECT count(*) AS n FROM log")
    assert rows["n"].to_pylist() == [9]
    assert feedback.triage(everything=True)["looked_into"] == 9
    assert feedback.causes() == CAUSES


def test_a_window_of_time_and_small_batches(feedback: Feedback) -> None:
    plant(feedback)
    feedback.house.configure(triage=TriageSettings(batch=2, meaning=()))
    assert feedback.triage(start=ASKED.replace(hour=10))["disliked"] == 0
    assert feedback.triage(end=ASKED)["disliked"] == 9
    assert feedback.causes() == CAUSES


def test_only_what_a_change_has_to_do_with_is_looked_into_again(feedback: Feedback) -> None:
    plant(feedback)
    feedback.triage()
    feedback.house.put("canteen-2", "The second canteen sells sandwiches on the roof.")
    feedback.house.night(4)
    assert feedback.triage()["looked_into"] == 0
    feedback.house.put(
        "yard", "Visitors now park their bicycles in the yard behind the northern gate."
    )
    feedback.house.night(5)
    before = {name: one.fingerprint for name, one in feedback.found().items()}
    assert feedback.triage()["looked_into"] == 1
    changed = {n for n, one in feedback.found().items() if one.fingerprint != before[n]}
    assert changed == {"missing"}
    assert feedback.causes()["missing"] == "source_stale"
    feedback.house.put("printer", PRINTER, "It is switched off at night.")
    feedback.house.night(6)
    feedback.triage()
    seen = {
        name: (one.evidence["now"] or {}).get("release") for name, one in feedback.found().items()
    }
    assert (seen["fault"], seen["missing"], seen["stale"]) == (6, 6, 3)
    assert feedback.causes() == CAUSES | {"missing": "source_stale"}


def test_a_new_vote_and_other_rules_are_looked_into(feedback: Feedback) -> None:
    plant(feedback)
    feedback.triage()
    feedback.vote("bare", -1, "the orange badge", hour=2)
    assert feedback.triage()["looked_into"] == 1
    assert feedback.causes()["bare"] == "model_fault"
    feedback.vote("bare", 1, hour=3)  # a changed mind: no longer disliked
    result = feedback.triage()
    assert (result["disliked"], result["new_model_faults"]) == (8, 2)
    feedback.house.configure(triage=TriageSettings(related=0.62, meaning=()))
    assert feedback.triage()["looked_into"] == 8


def test_a_changed_mind_is_no_contradiction() -> None:
    votes = [Vote("r", "u1", ASKED, 1), Vote("r", "u1", ASKED.replace(hour=10), -1)]
    assert not opinions(votes)["r"].contradicting
    other = [*votes, Vote("r", "u2", ASKED, 1)]
    assert opinions(other)["r"].contradicting


def test_a_release_that_went_cold_keeps_its_verdicts(feedback: Feedback) -> None:
    plant(feedback)
    feedback.triage()
    feedback.house.keep(keep_last=1)
    retention.apply(feedback.house.settings, now=ASKED.replace(day=20))
    assert feedback.house.release(2).tier == "cold"
    assert feedback.triage()["looked_into"] == 0
    found = feedback.triage(everything=True)
    assert found["causes"] == {
        "model_fault": 2,
        "votes_contradict": 1,
        "answer_right": 1,
        "not_judged": 5,
    }
    assert "release 2 is cold" in feedback.found()["missed"].evidence["reason"]


def test_requests_that_say_little_do_no_harm(feedback: Feedback) -> None:
    ask = feedback.ask
    ask("blank", "", "", ())
    ask(
        "odd-id",
        "Does the canteen serve soup at noon?",
        "The canteen serves soup.",
        (Passage("x' OR 1=1 --", CANTEEN),),
    )
    ask("no-context", "When does the canteen open?", "At nine.", (), "at noon, soup until three")
    ask("future", "When?", "Then.", ["canteen"], "at noon", release=99)
    ask("signs", "???", "!!!", ["canteen"], "—")
    feedback.triage()
    assert feedback.causes() == {
        "blank": "not_judged",
        "odd-id": "not_judged",
        "no-context": "retrieval_missed",
        "future": "not_judged",
        "signs": "not_judged",
    }
    assert feedback.found()["future"].evidence["then"] == {
        "unknown": "release 99 is not known here"
    }


def test_the_judge_is_asked_only_where_the_signals_do_not_decide(feedback: Feedback) -> None:
    plant(feedback)
    with serving(judges("wrong", "it is orange")) as endpoint:
        feedback.house.configure(judge=EndpointSettings(model="j1", base_url=endpoint.url))
        result = feedback.triage()
        assert [one["messages"][1]["content"].splitlines()[1] for one in endpoint.requests] == [
            "Which badge does a visitor show to the printer in the hall?"
        ]
        assert result["judged"] == 1
        assert feedback.causes() == CAUSES | {"bare": "model_fault"}
        [said] = feedback.found()["bare"].evidence["judge"]
        assert (said["verdict"], said["reason"], said["model"]) == ("wrong", "it is orange", "j1")
        assert len(said["prompt"]) == 64
        assert feedback.triage()["looked_into"] == 0
        assert len(endpoint.requests) == 1
        feedback.house.configure(judge=EndpointSettings(model="j2", base_url=endpoint.url))
        assert feedback.triage()["looked_into"] == 9


def test_a_judge_that_is_down_is_asked_again_the_next_time(feedback: Feedback) -> None:
    plant(feedback)
    with serving(status(503)) as endpoint:
        settings = EndpointSettings(model="j1", base_url=endpoint.url, max_retries=0)
        feedback.house.configure(judge=settings)
        feedback.triage()
        assert feedback.causes() == CAUSES
        assert feedback.found()["bare"].evidence["judge"][0]["failed"]
        endpoint.otherwise = judges("right")
        assert feedback.triage()["looked_into"] == 1
        assert feedback.causes() == CAUSES | {"bare": "answer_right"}

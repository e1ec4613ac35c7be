from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from almanac.evaluation.answers import Answered, read_answers, write_answers
from almanac.evaluation.scores import score
from almanac.llm.judge import Judge, open_judge
from schemas.settings import EndpointSettings
from tests.evaluation.made_up import CONTEXT, LONG, RIGHT, WRONG, WordEncoder, case


class ToyChat:
    """Answers as it is told, one line a question; then it says nothing that can be read."""

    identity = {"model": "toy"}  # noqa: RUF012

    def __init__(self, verdicts: Sequence[str]) -> None:
        self.left = list(verdicts)
        self.asked: list[str] = []

    def ask(self, messages: Sequence[dict[str, str]]) -> str:
        self.asked.append(messages[-1]["content"])
        verdict = self.left.pop(0) if self.left else "?"
        return json.dumps({"verdict": verdict, "reason": "because"}) if verdict != "?" else "hm"


def test_every_figure_of_one_case() -> None:
    answered = Answered("held_back-1", LONG, RIGHT + "!", -2.0, -1.5, -0.5, -3.0)
    (found,) = score([case("1")], [answered], WordEncoder(), None)
    semantic = found.base["semantic"]
    assert semantic is not None
    assert 0.1 < semantic < 0.9
    assert found.base == {
        "right": 1.0,
        "borne_out": 0.0,
        "f1": pytest.approx(2 * 2 / (8 + 2)),
        "exact": 0.0,
        "contains": 1.0,
        "semantic": semantic,
        "grounded": pytest.approx(2 / 4),
        "judged": None,
        "margin": -0.5,
    }
    assert found.adapter == {
        "right": 1.0,
        "borne_out": 1.0,
        "f1": 1.0,
        "exact": 1.0,
        "contains": 1.0,
        "semantic": pytest.approx(1.0),
        "grounded": 1.0,
        "judged": None,
        "margin": 2.5,
    }
    assert found.change("exact") == 1.0
    assert found.change("judged") is None


def test_the_same_answer_has_the_same_figures_to_the_bit() -> None:
    cases = [case(str(at)) for at in range(20)]
    answers = [
        Answered(one.case_id, f"{LONG} {one.case_id}", f"{LONG} {one.case_id}") for one in cases
    ]
    for found in score(cases, answers, WordEncoder(), None):
        assert found.base == found.adapter


def test_what_is_not_there_is_no_zero() -> None:
    unasked, empty, bare = case("1"), case("2"), case("3", "liked")
    bare = type(bare)(**{name: getattr(bare, name) for name in bare.__slots__} | {"context": ()})
    answers = [
        Answered(unasked.case_id, None, None),
        Answered(empty.case_id, "", " ", -1.0, None, -1.0, None),
        Answered(bare.case_id, RIGHT, RIGHT),
    ]
    found = score([unasked, empty, bare], answers, WordEncoder(), None)
    assert set(found[0].base.values()) == set(found[0].adapter.values()) == {None}
    assert (found[1].base["f1"], found[1].base["semantic"]) == (0.0, 0.0)
    assert (found[1].base["grounded"], found[1].base["margin"]) == (None, None)
    assert (found[2].base["exact"], found[2].base["grounded"]) == (1.0, None)


def test_the_judge_is_asked_once_for_equal_answers_and_not_judged_is_none() -> None:
    cases = [case("1"), case("2"), case("3")]
    answers = [
        Answered(cases[0].case_id, WRONG, RIGHT),
        Answered(cases[1].case_id, RIGHT, RIGHT),
        Answered(cases[2].case_id, WRONG, None),
    ]
    chat = ToyChat(["wrong", "right", "not_judged"])
    found = score(cases, answers, WordEncoder(), Judge(chat))  # type: ignore[arg-type]
    judged = [(one.base["judged"], one.adapter["judged"]) for one in found]
    assert judged == [(0.0, 1.0), (None, None), (None, None)]
    assert len(chat.asked) == 4
    assert all(text in chat.asked[0] for text in (cases[0].question, CONTEXT, WRONG, RIGHT))
    assert [one and one.verdict for one in found[2].judgements] == ["not_judged", None]


def test_without_a_model_there_is_no_judge() -> None:
    assert open_judge(EndpointSettings()) is None


def test_a_row_of_the_table() -> None:
    answered = Answered("liked-1", LONG, RIGHT)
    chat = ToyChat(["right", "wrong"])
    (found,) = score([case("1", "liked")], [answered], WordEncoder(), Judge(chat))  # type: ignore[arg-type]
    row = found.as_row("adapter")
    result = json.loads(row.pop("result"))
    assert row == {"adapter_id": "adapter", "request_id": "request-liked-1", "part": "liked"}
    assert result["references"] == [RIGHT]
    assert result["answers"]["adapter_answer"] == RIGHT
    assert (result["base"]["exact"], result["adapter"]["exact"]) == (0.0, 1.0)
    assert result["adapter"]["margin"] is None
    verdicts = [(one["verdict"], one["model"]) for one in result["judgements"]]
    assert verdicts == [("right", "toy"), ("wrong", "toy")]


def test_answers_come_back_from_their_file(tmp_path) -> None:
    answers = [Answered("b", "x", "y", -1.0, None, -0.5, None), Answered("a", None, None)]
    write_answers(answers, tmp_path / "answers.parquet")
    assert read_answers(tmp_path / "answers.parquet") == answers[::-1]

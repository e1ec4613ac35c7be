"""A teacher and a judge on the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almanac.dataset.build import build
from almanac.dataset.synthetic_corrections import PROMPT
from almanac.releases.erase import Subject, erase
from schemas.examples import Example
from schemas.settings import EndpointSettings, Settings
from tests.dataset.logged import asked, configured, faults, fill, lake_of
from tests.llm.server import ChatEndpoint, judges, says, serving, status


@pytest.fixture
def teacher() -> Iterator[ChatEndpoint]:
    with serving(says(" Office 1 does. ")) as running:
        yield running


@pytest.fixture
def judge() -> Iterator[ChatEndpoint]:
    with serving(judges("right")) as running:
        yield running


def taught_by(root: Path, teacher: ChatEndpoint, judge: ChatEndpoint | None = None) -> Settings:
    update: dict[str, Any] = {
        "teacher": EndpointSettings(model="teacher-1", base_url=teacher.url, max_retries=0)
    }
    if judge:
        update["judge"] = EndpointSettings(model="judge-1", base_url=judge.url, max_retries=0)
    return configured(root, held_back=0).model_copy(update=update)


def stored(settings: Settings) -> dict[str, Example]:
    lake = lake_of(settings)
    return {one.request_id: one for one in lake.datasets.examples(lake.datasets.manifest())}


def test_a_bare_dislike_gets_the_teachers_answer_once_the_judge_agrees(
    tmp_path: Path, teacher: ChatEndpoint, judge: ChatEndpoint
) -> None:
    settings = taught_by(tmp_path, teacher, judge)
    fill(lake_of(settings), [*faults([0, 2]), *faults([1], corrected=False)])
    result = build(settings, None, None)
    one = stored(settings)["r-001"]
    assert (one.chosen, one.rejected) == ("Office 1 does.", asked(1).response)
    assert (one.origin, one.cause) == ("teacher", "model_fault")
    assert (result["taught"], result["dropped"]) == ({"right": 1}, {})
    assert result["examples"] == {"sft": 3, "dpo": 3, "kto": 6}

    (sent,) = teacher.requests
    assert sent["model"] == "teacher-1" and sent["temperature"] == 0
    assert asked(1).question in sent["messages"][-1]["content"]
    assert asked(1).context[0].text in sent["messages"][-1]["content"]
    assert asked(1).response not in str(sent)
    manifest = lake_of(settings).datasets.manifest()
    assert manifest["teacher"]["teacher"]["model"] == "teacher-1"
    assert manifest["teacher"]["judge"]["model"] == "judge-1"
    assert manifest["teacher"]["prompt"] == PROMPT


def test_a_second_build_asks_nobody_and_is_the_first(
    tmp_path: Path, teacher: ChatEndpoint, judge: ChatEndpoint
) -> None:
    settings = taught_by(tmp_path, teacher, judge)
    fill(lake_of(settings), faults(range(3), corrected=False))
    first = build(settings, None, None)
    teacher.otherwise = says("Something else.")
    again = build(settings, None, None)
    assert (again["dataset"], again["new"]) == (first["dataset"], False)
    assert (len(teacher.requests), len(judge.requests)) == (3, 3)


@pytest.mark.parametrize(
    ("verdict", "asked_again"), [("wrong", False), ("not_judged", True)], ids=["wrong", "not"]
)
def test_what_the_judge_does_not_call_right_is_not_used(
    tmp_path: Path, teacher: ChatEndpoint, judge: ChatEndpoint, verdict: str, asked_again: bool
) -> None:
    judge.otherwise = judges(verdict)
    settings = taught_by(tmp_path, teacher, judge)
    fill(lake_of(settings), [*faults([0]), *faults([1], corrected=False)])
    result = build(settings, None, None)
    one = stored(settings)["r-001"]
    assert (one.chosen, one.origin) == (None, "dislike")
    assert result["dropped"] == {f"teacher_{verdict}": 1}
    (row,) = lake_of(settings).datasets.rejected(result["dataset"])
    assert (row.request_id, row.details["model"]) == ("r-001", "judge-1")
    build(settings, None, None)
    assert len(teacher.requests) == 1 + asked_again


def test_without_a_judge_the_teacher_is_not_asked(tmp_path: Path, teacher: ChatEndpoint) -> None:
    settings = taught_by(tmp_path, teacher)
    fill(lake_of(settings), faults(range(3), corrected=False))
    result = build(settings, None, None)
    assert result["dropped"] == {"teacher_unchecked": 3}
    assert result["counts"]["origin"] == {"dislike": 3}
    assert teacher.requests == []


def test_an_endpoint_that_is_down_costs_three_questions_and_no_example(
    tmp_path: Path, teacher: ChatEndpoint, judge: ChatEndpoint
) -> None:
    teacher.otherwise = status(500)
    settings = taught_by(tmp_path, teacher, judge)
    fill(lake_of(settings), faults(range(6), corrected=False))
    result = build(settings, None, None)
    assert result["dropped"] == {"teacher_failed": 6}
    assert result["counts"]["origin"] == {"dislike": 6}
    assert len(teacher.requests) == 3
    teacher.otherwise = says("Office 1 does.")
    assert build(settings, None, None)["taught"] == {"right": 6}


def test_another_judge_judges_anew(
    tmp_path: Path, teacher: ChatEndpoint, judge: ChatEndpoint
) -> None:
    settings = taught_by(tmp_path, teacher, judge)
    fill(lake_of(settings), faults([0], corrected=False))
    build(settings, None, None)
    stricter = settings.judge.model_copy(update={"model": "judge-2"})
    judge.otherwise = judges("wrong")
    result = build(settings.model_copy(update={"judge": stricter}), None, None)
    assert result["taught"] == {"wrong": 1}


def test_an_erasure_takes_what_the_teacher_wrote(
    tmp_path: Path, teacher: ChatEndpoint, judge: ChatEndpoint
) -> None:
    settings = taught_by(tmp_path, teacher, judge)
    fill(lake_of(settings), faults(range(2), corrected=False))
    build(settings, None, None)
    lake = lake_of(settings)
    erase(settings, Subject(user_id="u-001"))
    for table in ("training_examples", "synthetic_corrections"):
        kept = {row["request_id"] for row in lake.delta(table).read().to_pylist()}
        assert kept == {"r-000"}, table

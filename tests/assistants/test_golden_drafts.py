"""Drafts of golden questions: written from documents, grounded, approved by a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almanac.assistants.golden_drafts import approve, draft
from almanac.evaluation.cases import read_golden
from schemas.errors import ConfigError
from schemas.settings import EndpointSettings, Settings
from testing.chat_endpoint import stub_model
from tests.llm.server import ChatEndpoint, says, serving, status
from tests.serving.conftest import House

PAY = "Salaries are paid on the last working day of the month. " * 5
TRAVEL = "Your manager approves travel that costs over 500 euro. " * 5


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with stub_model() as model:
        house = House(tmp_path_factory.mktemp("drafts"), model, revision="drafts")
        house.night("2026-03-01", {"pay.md": PAY, "travel.md": TRAVEL, "short.md": "Short."})
        yield house


@pytest.fixture
def writer() -> Iterator[ChatEndpoint]:
    with serving(says("no JSON")) as endpoint:
        yield endpoint


def with_teacher(house: House, writer: ChatEndpoint) -> Settings:
    teacher = EndpointSettings(model="writer", base_url=writer.url)
    return house.settings.model_copy(update={"teacher": teacher})


def question(text: str, answer: str) -> Any:
    return says(json.dumps({"question": text, "answer": answer}))


def test_drafts_are_grounded_and_wait_for_a_person(
    house: House, writer: ChatEndpoint, tmp_path: Path
) -> None:
    settings, file = with_teacher(house, writer), tmp_path / "golden.jsonl"
    file.write_text('{"id": "own", "text": "Mine?", "answers": ["Yes"]}\n')

    def reply(request: dict[str, Any]) -> Any:
        about_pay = "Salaries" in request["messages"][-1]["content"]
        said = ("When is pay?", "on the last working day") if about_pay else ("Who?", "the pope")
        return question(*said)(request)

    writer.otherwise = reply
    report = draft(settings, file, 20)
    (row,) = report["drafts"]
    assert (row["doc_id"], row["draft"], row["by"]) == ("pay.md", True, "writer")
    assert report["not_in_the_document"] == 1
    assert [one.id for one in read_golden(str(file))] == ["own"]
    assert draft(settings, file, 20)["drafts"] == []  # each document once
    with pytest.raises(ConfigError, match=f"no draft 'own'; drafts: {row['id']}"):
        approve(file, ["own"], "ann")
    assert approve(file, [row["id"]], "ann")["drafts_left"] == 0
    assert [one.id for one in read_golden(str(file))] == ["own", row["id"]]
    assert json.loads(file.read_text().splitlines()[1])["approved_by"] == "ann"


def test_a_model_that_fails_is_asked_no_more(
    house: House, writer: ChatEndpoint, tmp_path: Path
) -> None:
    settings = with_teacher(house, writer)
    assert draft(settings, tmp_path / "a.jsonl", 5)["not_in_the_document"] == 2
    with pytest.raises(ConfigError, match=r"set teacher\.model"):
        draft(house.settings, tmp_path / "b.jsonl", 5)
    writer.otherwise = status(400)
    assert draft(settings, tmp_path / "c.jsonl", 5)["failed"] == 2

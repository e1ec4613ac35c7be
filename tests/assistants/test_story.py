"""A prompt is changed, judged, put into production and taken back, as a user does it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient

from almanac.cli.app import main
from almanac.serving.app import application
from almanac.serving.service import Service
from lakehouse import Lakehouse
from testing.chat_endpoint import StubModel, stub_model
from tests.serving.conftest import FIRST, SECOND, House

TRAVEL = "Who approves travel?"
PROMPT = (
    "{% block system %}Be {{ tone }}.{% endblock %}{% block user %}"
    "{% for one in passages %}[{{ one.n }}] {{ one.text }}\n{% endfor %}"
    "Question: {{ question }}\n{% endblock %}"
)
SIDECAR = "variables: {type: object, properties: {tone: {type: string, default: brief}}}\n"
GOLDEN: list[dict[str, Any]] = [
    {"id": "travel", "text": TRAVEL, "answers": ["The board"], "must": True},
    {"id": "backup", "text": "When is a backup written?", "answers": ["nightly at two"]},
    {"id": "pay", "text": "When are salaries paid?", "answers": ["on the last working day"]},
    {"id": "draft", "text": "What?", "answers": ["?"], "draft": True},
]


@pytest.fixture(scope="module")
def model() -> Iterator[StubModel]:
    with stub_model() as model:
        yield model


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, model: StubModel) -> House:
    house = House(
        tmp_path_factory.mktemp("assistants"),
        model,
        '[gate]\ngolden = "golden.jsonl"\nmin_questions = 3\nmargin = 0.3\n'
        '[assistants.documents]\nendpoint = "stub"\nprompt = "handbook.j2"\n'
        'guards = { meaning = false, question_personal = "off", answer_personal = "off", '
        'answer_grounding = "flag" }\n',
        revision="assistants",
    )
    house.folder.joinpath("handbook.j2").write_text(PROMPT)
    house.folder.joinpath("handbook.yaml").write_text(SIDECAR)
    rows = "\n".join(map(json.dumps, GOLDEN))
    house.folder.joinpath("golden.jsonl").write_text(rows)
    house.night("2026-03-01", FIRST | SECOND)
    return house


@pytest.fixture(scope="module")
def service(house: House) -> Iterator[Service]:
    service = Service(house.settings)
    service.start()
    yield service
    service.close()


def run(house: House, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["--config", str(house.config), *arguments])
    assert done.exit_code == code, done.output
    return done.output


def said(house: House, *arguments: str, code: int = 0) -> dict[str, Any]:
    lines = run(house, *arguments, "--json", code=code).splitlines()
    found: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("{")))
    return found


def ask(service: Service) -> dict[str, Any]:
    service.versions.poll()
    client = TestClient(application(service), base_url="http://127.0.0.1")
    body = {"model": "documents", "messages": [{"role": "user", "content": TRAVEL}]}
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["almanac"]
    return found


def logged(service: Service, answer: dict[str, Any]) -> tuple[dict[str, str], ...]:
    return service.request(answer["request_id"]).prompt


@pytest.fixture(scope="module")
def first(house: House, service: Service) -> dict[str, Any]:
    """The answer before anything was changed."""
    return ask(service)


def push(house: House, template: str) -> str:
    house.folder.joinpath("handbook.j2").write_text(template)
    (row,) = said(house, "prompt", "push", str(house.folder / "handbook.j2"))["prompts"]
    return str(row["prompt"])


def lake(house: House) -> Lakehouse:
    return house.lake


def test_what_is_configured_is_stored_and_in_production(
    house: House, first: dict[str, Any]
) -> None:
    (one,) = said(house, "assistant", "list")["assistants"]
    (row,) = one["versions"]
    assert (row["stage"], row["prompt"], row["author"]) == (
        "production",
        "handbook@1",
        "configuration",
    )
    assert first["version"] == one["answers"][:12] == row["version"][:12]
    (step,) = said(house, "assistant", "history")["steps"]
    assert (step["actor"], step["to"]) == ("configuration", "production")


def test_replay_is_the_same_after_the_file_changed(
    house: House, service: Service, first: dict[str, Any]
) -> None:
    push(house, PROMPT.replace("Be ", "Do be "))
    report = said(house, "replay", first["request_id"])
    assert (report["same"], report["prompt"]) == (True, {"same": True, "why": ""})
    shown = said(house, "prompt", "preview", "handbook@1", "--request", first["request_id"])
    assert shown["as_logged"] is True
    assert shown["messages"] == list(logged(service, first))
    other = said(house, "prompt", "preview", "handbook", "--question", TRAVEL)
    assert other["messages"][0]["content"] == "Do be brief."
    assert other["messages"][1:] == shown["messages"][1:]


def test_a_worse_prompt_does_not_come_into_production(house: House, first: dict[str, Any]) -> None:
    push(house, PROMPT.replace("[{{ one.n }}] ", ""))  # the stub finds no passage in it
    worse = said(house, "assistant", "create", "documents", "--prompt", "handbook")["version"]
    report = said(house, "assistant", "gate", worse[:12], code=1)
    assert (report["outcome"], report["worse"]) == ("refused", ["travel"])
    assert report["reasons"][0] == "Worse on a question that must not get worse: travel."
    assert [one["id"] for one in report["questions"]] == ["travel", "backup", "pay"]
    assert report["changes"][0].startswith("the prompt: handbook@1 (")
    rows = house.lake.evaluations.rows(report["gate"])
    assert [row["request_id"] for row in rows] == ["golden:backup", "golden:pay", "golden:travel"]
    assert rows[2]["result"]["current"]["text"].startswith("The board approves travel")
    run(house, "assistant", "stage", worse[:12], "staging")
    refused = run(house, "assistant", "stage", worse[:12], "production", code=1)
    assert "the gate did not pass version" in refused
    run(house, "assistant", "stage", worse[:12], "rejected", "--reason", "worse")


def test_a_version_into_production_and_back(
    house: House, service: Service, first: dict[str, Any]
) -> None:
    other = said(
        house, "assistant", "create", "documents", "--set", "variables.tone=dry", "--set",
        "retrieval.k=2",
    )["version"]  # fmt: skip
    assert "next step is staging" in run(house, "assistant", "stage", other, "production", code=1)
    run(house, "assistant", "stage", other, "staging")
    held = run(house, "assistant", "stage", other, "production", code=1)
    assert f"no gate held version {other[:12]} against {first['version']}" in held
    assert f"PASSED: version {other[:12]}" in run(house, "assistant", "gate", other)
    moved = said(house, "assistant", "stage", other, "production", "--reason", "dry")
    assert [one["to"] for one in moved["steps"]] == ["production", "archived"]
    new = ask(service)
    assert new["version"] == other[:12]
    assert logged(service, new)[0]["content"] == "Be dry."
    assert len(new["citations"]) == 2

    house.night("2026-03-02", {"travel.md": "# Travel\n\nNobody approves travel.\n"})
    service.releases.poll()
    assert "Nobody approves" in logged(service, ask(service))[1]["content"]
    back = said(house, "assistant", "rollback", "documents", "--reason", "too dry")
    assert (back["release"], back["production"]) == ("1", back["version"])
    again = ask(service)
    assert again["version"] == back["version"][:12] != first["version"]
    assert again["release"] == first["release"] == 1
    assert logged(service, again) == logged(service, first)
    assert (
        lake(house).assistant_versions.find(back["version"]).followed
        == moved["steps"][1]["version"]
    )
    steps = said(house, "assistant", "history", "documents")["steps"]
    assert [(one["to"], one["reason"]) for one in steps[-2:]] == [
        ("staging", "too dry"),
        ("production", "too dry"),
    ]


def test_freezing_resolves_the_policy(house: House, first: dict[str, Any]) -> None:
    frozen = said(house, "assistant", "freeze", first["version"])
    assert frozen["frozen_from"][:12] == first["version"]
    assert frozen["release"].isdigit()
    assert said(house, "assistant", "freeze", frozen["version"])["version"] == frozen["version"]
    found = said(house, "assistant", "diff", first["version"], frozen["version"])
    (change,) = found["changes"]
    words = f"the release that it answers from: latest before, {frozen['release']} now"
    assert change["words"] == words


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["assistant", "show", "docments"], "did you mean 'documents'?", 1),
        (["assistant", "show", "ffffff"], "no versions begin with 'ffffff'", 1),
        (["assistant", "show", "documents@paused"], "documents is in paused", 1),
        (["assistant", "create", "documents", "--set", "retrieval.kk=3"], "mean 'k'?", 2),
        (["assistant", "create", "documents", "--set", "k"], "write KEY=VALUE", 2),
        (["assistant", "create", "documents", "--set", "variables.tune=1"], "mean 'tone'?", 2),
        (["assistant", "create", "documents", "--set", "route.endpoint=x"], "endpoint 'x'", 2),
        (["assistant", "create", "documents", "--prompt", "handbok"], "mean 'handbook'?", 1),
        (["assistant", "gate", "documents"], "answers already", 1),
        (["assistant", "stage", "documents", "archived", "--without-gate"], "--reason", 2),
        (["prompt", "preview", "handbook"], "give either --request", 2),
        (["prompt", "show", "handbook@77"], "has the numbers 1 to", 1),
    ],
)
def test_what_is_wrong_is_named(
    house: House, first: dict[str, Any], arguments: list[str], words: str, code: int
) -> None:
    assert words in run(house, *arguments, code=code)


def test_a_restart_takes_what_is_configured_until_a_person_decided(
    tmp_path: Path, model: StubModel
) -> None:
    house = House(tmp_path, model, revision="assistants")
    house.night("2026-03-01", FIRST)

    def start(text: str) -> list[tuple[str, str]]:
        house.config.write_text(text)
        service = Service(house.settings)
        service.versions.settle()
        service.close()
        return [(one.stage, one.actor) for one in house.lake.assistant_stages.steps()]

    text, own = house.config.read_text(), "configuration"
    section = "[assistants.documents]\n"
    assert start(text) == [("production", own)]
    assert start(text) == [("production", own)]
    moved = text.replace("stub]", "other]").replace('"stub"', '"other"')  # the endpoint's name
    assert start(moved)[1:] == [("production", own), ("archived", own)]
    start(text)
    back = said(house, "assistant", "rollback", "documents", "--follow", "--actor", "ann")
    assert back["release"] == "latest"
    taken = start(text.replace(section, f"{section}k = 3\n"))
    assert taken[5:] == [("staging", "ann"), ("production", "ann")]
    run(house, "assistant", "stage", "documents", "archived", "--actor", "ann")
    assert start(text)[7:] == [("archived", "ann"), ("production", own)]

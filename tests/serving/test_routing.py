"""Which model answers: by conditions, by failures, by need, by what may be spent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from almanac.serving.repetition import is_stuck
from testing.chat_endpoint import StubModel
from tests.serving.conftest import House, Served, text_of

MORE = """
[assistants.documents]
endpoint = "stub"
[assistants.documents.guards]
meaning = false
question_personal = "off"
answer_personal = "off"
answer_grounding = "flag"
[endpoints.strong]
base_url = "URL"
model = "strong-1"
[prices.small]
model = "small-1"
input = 1
output = 1
[prices.strong]
model = "strong-1"
input = 10
output = 10
[budgets.rich]
users = ["rich"]
usd = 0.000001
on_exceed = "cheap"
[budgets.poor]
users = ["poor"]
usd = 0.000001
"""
ROUTE = [
    {"name": "small", "endpoint": "stub", "model": "small-1", "when": "tokens<=20 and no tools"},
    {"name": "strong", "endpoint": "strong", "model": "strong-1", "max_tokens": 64},
]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, model: StubModel) -> House:
    house = House(tmp_path_factory.mktemp("route"), model, MORE.replace("URL", model.url))
    house.night("2026-03-01", {"travel.md": "# Travel\n\nYour manager approves travel.\n"})
    values = {"route": ROUTE, "escalate": {"on": ["empty", "ungrounded"]}}
    spec = house.folder / "spec.json"
    spec.write_text(json.dumps(values))
    made = json.loads(
        house.run("assistant", "create", "documents", "--spec", str(spec), "--json").stdout
    )
    for stage in ("staging", "production"):
        done = house.run(
            "assistant", "stage", made["version"], stage, "--without-gate", "--reason", "r"
        )
        assert done.returncode == 0, done.stderr
    return house


@pytest.fixture(scope="module")
def routed(house: House) -> Any:
    with house.served() as served:
        yield served


def route(served: Served, answer: Any) -> dict[str, Any]:
    request_id = answer["request_id"]
    found: dict[str, Any] = served.client.get(f"/v1/requests/{request_id}").json()["request"][
        "route"
    ]
    return found


def test_a_condition_chooses_the_model(routed: Served) -> None:
    short = routed.chat("Who approves travel?").json()["almanac"]
    assert (short["served_by"], short["model"]) == ("small", "small-1")
    assert short["why"] == "tokens<=20 (7 tokens) and no tools (no tools)"
    long = routed.events("Who in the whole company approves all of the travel of a person?")
    assert long[0]["almanac"]["served_by"] == "small"  # the first of the route, before any words
    assert (long[-1]["almanac"]["served_by"], long[-1]["almanac"]["model"]) == (
        "strong",
        "strong-1",
    )
    kept = route(routed, long[-1]["almanac"])
    assert kept["skipped"][0]["why"] == "tokens<=20 does not hold: 22 tokens"
    tool = {"type": "function", "function": {"name": "f"}}
    offered = routed.chat("Who approves travel?", tools=[tool]).json()["almanac"]
    assert offered["served_by"] == "strong"


def test_an_answer_that_is_none_goes_on_to_the_strong_model_once(routed: Served) -> None:
    found = routed.chat("WEAK: travel?").json()
    assert found["choices"][0]["message"]["content"] == "Your manager approves travel [1]."
    kept = route(routed, found["almanac"])
    assert [(one["name"], one["outcome"]) for one in kept["calls"]] == [
        ("small", "empty"),
        ("strong", "answered"),
    ]
    assert kept["why"] == "small had no answer: escalated"
    # both calls were paid for: 100 read each, 3 and 5 written
    assert found["almanac"]["cost_usd"] == ((100 + 3) * 1 + (100 + 5) * 10) / 1e6
    invented = routed.chat("INVENTED: travel?").json()["almanac"]
    outcomes = [one["outcome"] for one in route(routed, invented)["calls"]]
    assert (invented["status"], outcomes) == ("refused", ["ungrounded", "ungrounded"])


def test_a_model_that_fails_is_replaced_and_left_alone(routed: Served) -> None:
    for times in range(6):
        found = routed.chat("DOWN: travel?").json()["almanac"]
        assert (found["served_by"], found["status"]) == ("strong", "answered")
        kept = route(routed, found)
        if times < 5:
            assert [one["outcome"] for one in kept["calls"]] == ["failed", "answered"]
            assert kept["calls"][0]["usd"] == "0"
    assert [one["name"] for one in kept["calls"]] == ["strong"]
    assert {"name": "small", "why": "its circuit is open"} in kept["skipped"]
    figures = routed.client.get("/metrics").text
    assert 'almanac_circuit{endpoint="stub",model="small-1"} 1.0' in figures
    talk = [
        {"role": "user", "content": "Who approves travel?"},
        {"role": "assistant", "content": "Your manager."},
        {"role": "user", "content": "And DOWN travel?"},
    ]
    found = routed.chat("", messages=talk).json()["almanac"]
    calls = [(one["name"], one["purpose"]) for one in route(routed, found)["calls"]]
    assert calls == [("strong", "rewrite"), ("strong", "answer")]


def test_a_budget_asks_for_the_cheapest_model_or_refuses(routed: Served) -> None:
    long = "Who in the whole company approves all of the travel of a person?"
    assert routed.chat(long, user="rich").json()["almanac"]["served_by"] == "strong"
    cheap = routed.chat(long, user="rich").json()["almanac"]
    assert (cheap["served_by"], cheap["why"]) == ("small", "a budget is spent: the cheapest model")
    assert routed.chat("Who approves travel?", user="poor").status_code == 200
    refused = routed.chat("Who approves travel?", user="poor")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 86_400
    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == (
        "rate_limit_error",
        "budget_exceeded",
        "budgets.poor",
    )
    figures = routed.client.get("/metrics").text
    assert 'almanac_budget_exceeded_total{action="block",budget="poor"} 1.0' in figures
    assert routed.chat("Who approves travel?", user="ann").status_code == 200
    found = routed.client.get("/v1/costs", params={"by": "user", "since": "2026-01-01"}).json()
    assert {row["key"] for row in found["rows"]} >= {"rich", "poor", "ann"}
    today = f"{datetime.now(UTC):%Y-%m-%d}"  # a date is its beginning there, its end in until
    for times in ({"since": today}, {"until": today}):
        assert routed.client.get("/v1/costs", params=times).json()["total"]["calls"] > 0
    assert [row["budget"] for row in found["budgets"] if row["share"] > 1] == ["rich", "poor"]
    status = routed.client.get("/v1/status").json()
    assert float(status["costs"]["usd_today"]) == float(found["total"]["usd"])
    steps = {step["level"]: step for step in status["steps"] if "budget" in step["is"]}
    assert "the budget poor, $0.000001 a day, is spent to" in steps["wrong"]["is"]
    assert steps["waits"]["next"].endswith("raise [budgets.rich]")


def test_a_model_that_got_stuck_is_stopped(routed: Served) -> None:
    events = routed.events("LOOP: travel?")
    text = text_of(events)
    assert text.startswith("Your manager approves travel [1].")
    assert text.count("manager") < 20  # of 200
    assert events[-1]["choices"][0]["finish_reason"] == "length"
    assert route(routed, events[-1]["almanac"])["calls"][-1]["outcome"] == "stuck"


def test_counters_are_rebuilt_from_what_was_stored(house: House) -> None:
    with house.served() as again:
        assert again.chat("Who approves travel?", user="poor").status_code == 429


@pytest.mark.parametrize(
    ("text", "stuck"),
    [
        ("no " * 30, True),
        ("It is so and so. " * 8, True),
        ("a" * 500, True),
        ("Ann, Bob, Ann, Bob, Ann, Bob.", False),
        ("".join(f"| row {one} | yes | no | yes |\n" for one in range(40)), False),
        ("Yes. " * 4, False),
        (" ".join(str(one) for one in range(500)), False),
    ],
)
def test_repetition_is_told_from_lists(text: str, stuck: bool) -> None:
    assert is_stuck(text) is stuck

"""What answers cost: stored with each of them, told to its reader, summed by `almanac cost`."""

from __future__ import annotations

import time
from typing import Any

import pytest
from click.testing import CliRunner

from almanac.cli.app import main
from almanac.costs.ledger import By, cost
from almanac.costs.prices import Prices
from almanac.serving.service import Service
from schemas.errors import ConfigError
from testing.chat_endpoint import StubModel
from tests.serving.conftest import House, Served

PRICES = """
[prices.stub]
model = "stub-1"
input = 2
output = 8
cached = 0.5
"""


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory, model: StubModel) -> House:
    house = House(tmp_path_factory.mktemp("costs"), model, PRICES)
    house.night("2026-03-01", {"travel.md": "# Travel\n\nYour manager approves travel.\n"})
    return house


@pytest.fixture(scope="module")
def served(priced: House) -> Any:
    with priced.served() as served:
        yield served


def costs(house: House, by: By = "model") -> Any:
    return cost(house.settings, by)


def test_each_answer_says_what_it_cost_and_the_ledger_is_their_sum(
    served: Served, priced: House
) -> None:
    whole = served.chat("Who approves travel?", user="ann").json()["almanac"]
    # the stub says that it read 100 tokens, 40 of them from its cache, and wrote 5
    told = 60 * 2 + 40 * 0.5 + 5 * 8
    assert whole["cost_usd"] == told / 1e6
    streamed = served.events("Who approves travel?", user="bob")[-1]["almanac"]
    assert streamed["cost_usd"] == told / 1e6
    failed = served.chat("BROKEN: who approves travel?", user="ann")
    assert failed.status_code == 502
    torn = served.chat("TORN: who approves travel?", user="bob")
    assert torn.status_code == 502

    by_user = costs(priced, "user")
    rows = {row["key"]: row for row in by_user["rows"]}
    assert rows["ann"] == {
        "key": "ann", "requests": 2, "calls": 2, "prompt_tokens": 100, "completion_tokens": 5,
        "cached_tokens": 40, "estimated": 0, "unpriced": 0, "usd": "0.00018",
    }  # fmt: skip
    # What was said before the connection was lost is counted here, and marked.
    assert (rows["bob"]["calls"], rows["bob"]["estimated"]) == (2, 1)
    request = served.client.get(f"/v1/requests/{whole['request_id']}").json()["request"]
    assert request["cost_micros"] == 180
    (call,) = request["route"]["calls"]
    assert call.pop("milliseconds") > 0
    assert call == {
        "name": "stub", "endpoint": "stub", "model": "stub-1", "purpose": "answer",
        "outcome": "answered", "prompt_tokens": 100, "completion_tokens": 5, "cached_tokens": 40,
        "counted_by": "endpoint", "usd": "0.00018",
    }  # fmt: skip
    command = ["--config", str(priced.config), "cost", "--by", "purpose", "--until"]
    said = CliRunner().invoke(main, [*command, "2099-01-01"]).output
    assert "1 call: the endpoint did not say how many tokens; Almanac counted them." in said
    assert "Nothing was spent" in CliRunner().invoke(main, [*command, "2026-01-01"]).output


def test_a_rewritten_question_and_a_reader_who_left_cost_too(served: Served, priced: House) -> None:
    before = costs(priced)["total"]
    talk = [
        {"role": "user", "content": "Who approves travel?"},
        {"role": "assistant", "content": "Your manager."},
        {"role": "user", "content": "And who travel?"},
    ]
    body = {"model": "documents", "messages": talk, "user": "cat"}
    assert served.client.post("/v1/chat/completions", json=body).status_code == 200
    stream = {"messages": [{"role": "user", "content": "LONG SLOW travel?"}], "stream": True}
    with served.client.stream(
        "POST", "/v1/chat/completions", json={"model": "documents", "user": "dan"} | stream
    ) as left:
        next(line for line in left.iter_lines() if '"content"' in line)
    by_purpose = costs(priced, "purpose")
    rows = {row["key"]: row for row in by_purpose["rows"]}
    assert rows["rewrite"]["calls"] == 1
    for _ in range(100):  # the server notices that a reader left at its next word
        if costs(priced)["total"]["calls"] == before["calls"] + 3:
            break
        time.sleep(0.1)
    dan = next(row for row in costs(priced, "user")["rows"] if row["key"] == "dan")
    assert dan["estimated"] == 1
    assert float(dan["usd"]) > 0


def test_an_unknown_price_is_refused_by_name(
    priced: House, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = '[assistants.a]\nendpoint = "far"\n[endpoints.far]\nmodel = "big-1"\n'
    more += 'base_url = "https://models.example/v1"\n'
    far = House(tmp_path, priced.model, more)
    far.night("2026-03-01", {"travel.md": "# Travel\n\nYour manager approves travel.\n"})
    far.environment["OPENAI_API_KEY"] = "k"
    done = far.run("serve", "--port", "0")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        "almanac: what the model 'big-1' of the endpoint far (models.example) costs is not known: "
        'write [prices.far] with model = "big-1", input and output in US dollars for a million '
        "tokens, or `local = true` in [endpoints.far] where it costs nothing"
    )
    # What asks no model needs no price, not of a judge either.
    judge = '[judge]\nmodel = "j-1"\nbase_url = "https://models.example/v1"\n'
    far.config.write_text(far.config.read_text() + judge)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    Service(far.settings, models=False).close()
    with pytest.raises(ConfigError, match=r"write \[prices.judge\] .* 0 where it costs nothing$"):
        Prices(far.settings).check("judge", "j-1")

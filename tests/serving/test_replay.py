"""An answer again, when its passages changed, and the tools for agents."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from almanac.releases.bisect import bisect
from schemas.errors import AlmanacError
from tests.serving.conftest import House, Served

TRAVEL = "Who approves travel?"


def replayed(served: Served, request_id: str, **parameters: Any) -> dict[str, Any]:
    response = served.client.post(f"/v1/requests/{request_id}/replay", params=parameters)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_the_same_passages_and_prompt_byte_for_byte(served: Served) -> None:
    talk = [
        {"role": "user", "content": "How often is a backup written?"},
        {"role": "assistant", "content": "Nightly [1]."},
        {"role": "user", "content": "And at what time?"},
    ]
    body = {"model": "documents", "messages": talk, "almanac": {"as_of": 1, "k": 2}}
    request = served.client.post("/v1/chat/completions", json=body).json()["id"]
    report = replayed(served, request)
    assert report["same"] is True
    assert (report["answered_by"], report["replayed_on"]) == (1, 1)
    assert len(report["passages"]["then"]) == 2


def test_what_differs_is_named(served: Served) -> None:
    request = served.chat(TRAVEL, almanac={"as_of": 1, "k": 1}).json()["id"]
    report = replayed(served, request, release=2, now=True)
    assert report["same"] is False
    (new,) = report["passages"]["new"]
    assert (new["source"], new["doc_id"]) == ("handbook", "travel.md")
    assert report["prompt"]["why"].startswith("message 2 differs from character ")
    assert report["today"]["answer"].startswith("The board approves travel")
    assert report["answer"].startswith("Your manager approves travel")
    refused = served.client.post(f"/v1/requests/{request}/replay", params={"release": 9})
    assert "has no release 9" in refused.json()["error"]["message"]


def test_replay_in_the_terminal(served: Served, house: House) -> None:
    request = served.chat(TRAVEL).json()["id"]
    done = house.run("replay", request)
    assert done.returncode == 0, done.stderr
    assert "passages  the same 3, byte for byte" in done.stdout
    assert "prompt    the same, byte for byte" in done.stdout
    assert "then   The board approves travel that costs over 900 euro [1]." in done.stdout
    for told in (done.stdout, house.run("trace", request).stdout):
        lines = [" ".join(line.split()) for line in told.splitlines()]
        assert "calls stub answer: answered" in lines
        assert "served_by stub" in lines and "cost_usd 0.000000" in lines


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory, house: House) -> House:
    """Seven releases: a limit changes with the fifth, and something else each night."""
    changing = House(tmp_path_factory.mktemp("bisect"), house.model)
    for day in range(1, 8):
        limit = 500 if day < 5 else 900
        documents = {
            "travel.md": f"# Travel\n\nTravel that costs over {limit} euro is approved.\n",
            "menu.md": f"# Menu\n\nSoup number {day} is served in the canteen today.\n",
        }
        changing.night(f"2026-03-0{day}", documents)
    return changing


def test_bisect_names_the_release_and_the_document(changing: House) -> None:
    settings = changing.settings
    found = bisect(settings, "travel euro approved", 1, None, None, 1, "hybrid")
    assert (found["before"]["release"], found["after"]["release"]) == (4, 5)
    assert found["asked"] <= 5
    changed = found["because"]["documents"]
    assert "travel.md" in json.dumps(changed["modified"])
    came = bisect(settings, "travel euro approved", 1, 7, "over 900 euro", 2, "text")
    assert (came["came"], came["after"]["release"]) == (True, 5)
    went = bisect(settings, "travel euro approved", 1, 7, "over 500 euro", 2, "text")
    assert (went["came"], went["after"]["release"]) == (False, 5)


def test_bisect_where_nothing_changed(changing: House) -> None:
    settings = changing.settings
    same = bisect(settings, "travel euro approved", 1, 4, None, 1, "hybrid")
    assert (same["changed"], same["asked"]) == (False, 2)
    never = bisect(settings, "travel euro", 1, 7, "by train", 2, "text")
    assert (never["changed"], never["holds"]) == (False, False)
    with pytest.raises(AlmanacError, match="two are needed"):
        bisect(settings, "travel", 7, None, None, 1, "text")


def test_an_agent_asks_what_was_known_when(house: House) -> None:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    command, *arguments = house.command("mcp")
    root = str(Path(__file__).resolve().parents[2])
    parameters = StdioServerParameters(command=command, args=arguments, cwd=root)

    async def talk() -> tuple[set[str], list[Any]]:
        async with (
            stdio_client(parameters) as (reading, writing),
            ClientSession(reading, writing) as session,
        ):
            await session.initialize()
            names = {tool.name for tool in (await session.list_tools()).tools}
            calls: list[tuple[str, dict[str, Any]]] = [
                ("search", {"query": "travel", "as_of": "2026-03-01", "k": 1}),
                ("ask", {"question": TRAVEL, "as_of": "2026-03-01"}),
                ("open_document", {"source": "handbook", "doc_id": "travel.md"}),
                ("list_releases", {}),
                ("search", {"query": "travel", "as_of": "2020-01-01"}),
            ]
            results = [await session.call_tool(name, values) for name, values in calls]
            return names, [json.loads(result.model_dump_json()) for result in results]

    names, (found, answer, document, releases, missing) = asyncio.run(talk())
    assert names == {"search", "ask", "open_document", "list_releases"}
    assert "over 500 euro" in json.dumps(found)
    assert "Your manager approves travel that costs over 500 euro [1]." in json.dumps(answer)
    assert "over 900 euro" in json.dumps(document)
    assert '\\"release\\": 1' in json.dumps(releases) or '"release": 1' in json.dumps(releases)
    assert "nothing was released by 2020" in json.dumps(missing)

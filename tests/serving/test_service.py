"""A service in the test's own process: which release answers, and how often one is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from almanac.serving import chat
from almanac.serving.app import application
from almanac.serving.mcp_tools import tools
from almanac.serving.service import Service
from almanac.serving.shapes import ChatRequest
from almanac.serving.who import PUBLIC
from schemas.settings import AssistantSettings
from tests.serving.conftest import House


@pytest.fixture(scope="module")
def service(house: House) -> Iterator[Service]:
    assistants = {
        "old": AssistantSettings(endpoint="stub", release="1"),
        "new": AssistantSettings(endpoint="stub"),
    }
    service = Service(house.settings.model_copy(update={"assistants": assistants}))
    yield service
    service.close()


def test_many_who_ask_of_a_date_open_its_release_once(service: Service) -> None:
    together = Barrier(8)

    def ask(_: int) -> int:
        together.wait(10)
        return id(service.releases.as_of(1))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_an_assistant_stays_at_its_release(service: Service) -> None:
    client = TestClient(application(service), base_url="http://127.0.0.1")
    found = {}
    for name, as_of in (("old", None), ("new", None), ("old", 2)):
        body = {"query": "travel", "model": name, "as_of": as_of}
        found[name, as_of] = client.post("/v1/retrieve", json=body).json()["release"]
    assert found == {("old", None): 1, ("new", None): 2, ("old", 2): 2}
    told = str(asyncio.run(tools(service, None).call_tool("search", {"query": "travel"})))
    assert "over 500 euro" in told
    assert "over 900 euro" not in told


def test_no_cache_keeps_what_may_be_seen(service: Service) -> None:
    client = TestClient(application(service), base_url="http://127.0.0.1")
    for path in (
        "/v1/documents/handbook/travel.md",
        "/v1/documents/handbook/absent.md",
        "/v1/releases",
        "/metrics",
    ):
        assert client.get(path).headers["cache-control"] == "no-store", path
    stream = {"model": "new", "stream": True, "messages": [{"role": "user", "content": "travel"}]}
    answer = client.post("/v1/chat/completions", json=stream)
    assert answer.headers["cache-control"] == "no-store"
    assert "[DONE]" in answer.text


def test_a_reader_who_left_before_the_first_word_keeps_no_place(service: Service) -> None:
    asked = ChatRequest.model_validate(
        {"model": "new", "stream": True, "messages": [{"role": "user", "content": "travel?"}]}
    )
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
    scope |= {"scheme": "http", "server": ("127.0.0.1", 80), "asgi": {"spec_version": "2.3"}}

    async def leave() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def slow(_: Any) -> None:
        await asyncio.sleep(60)  # the network takes nothing

    async def talk() -> str:
        response = await chat.answer(service, Request(scope, leave), asked, PUBLIC)
        await response(scope, leave, slow)
        return response.headers["x-request-id"]

    request_id = asyncio.run(talk())
    assert service.under_way == 0
    assert service.request(request_id).status == "cut"

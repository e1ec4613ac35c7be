"""Who may see what: in passages, documents, logs and errors, at a server with keys."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.server.mcpserver.exceptions import ToolError

from almanac.serving.keys import Keys
from almanac.serving.mcp_tools import tools
from almanac.serving.service import Service
from schemas.documents import Access
from tests.serving.conftest import FIRST, House, Served

RULES = """
[sources.handbook.access]
default = ["public"]
paths = { "hr/**" = ["group:hr"], "ann.md" = ["user:ann"] }
"""
MORE = {"ann.md": "# Notes\n\nThe secret word of Ann is salary.\n"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, house: House) -> House:
    guarded = House(tmp_path_factory.mktemp("rights"), house.model, RULES)
    guarded.night("2026-03-01", FIRST | MORE)
    return guarded


@pytest.fixture(scope="module")
def keys(guarded: House) -> dict[str, str]:
    done = guarded.run("keys", "create", "--user=ann", "--json")
    assert done.returncode == 0, done.stderr
    store = Keys.of(guarded.settings)
    return {
        "ann": json.loads(done.stdout)["key"],
        "bob": store.create("bob", ["hr"], ["ask", "read_logs", "operate"])[1],
        "eve": store.create("eve", [], ["ask"])[1],
    }


@pytest.fixture(scope="module")
def served(guarded: House, keys: dict[str, str]) -> Iterator[Served]:
    with guarded.served() as served:
        yield served


def client(served: Served, key: str | None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=served.address, headers=headers, timeout=30)


def passages(client: httpx.Client, query: str) -> set[str]:
    found = client.post("/v1/retrieve", json={"query": query, "k": 10})
    assert found.status_code == 200, found.text
    return {one["doc_id"] for one in found.json()["passages"]}


def test_without_a_key_nothing_is_told(served: Served, keys: dict[str, str]) -> None:
    assert served.ready["public"] is False
    asked = {"model": "documents", "messages": [{"role": "user", "content": "salary"}]}
    for wrong in (None, "alm_" + "0" * 48, keys["ann"][:-1]):
        with client(served, wrong) as nobody:
            for response in (
                nobody.post("/v1/chat/completions", json=asked),
                nobody.post("/v1/retrieve", json={"query": "salary"}),
                nobody.get("/v1/documents/handbook/travel.md"),
                nobody.get("/v1/models"),
                nobody.get("/v1/releases"),
                nobody.get("/metrics"),
                nobody.post("/v1/feedback", json={"request_id": "x", "rating": 1}),
            ):
                assert response.status_code == 401, response.url
                assert "almanac keys create" in response.json()["error"]["message"]
            assert nobody.get("/healthz").status_code == 200
            assert "<title>Almanac" in nobody.get("/").text


def test_each_sees_what_is_theirs(served: Served, keys: dict[str, str]) -> None:
    public = {"travel.md", "backup.md"}
    seen = {"ann": public | {"ann.md"}, "bob": public | {"hr/pay.md"}, "eve": public}
    for user, expected in seen.items():
        with client(served, keys[user]) as one:
            assert passages(one, "salary paid last working day") == expected
            for doc_id in (*FIRST, *MORE):
                response = one.get(f"/v1/documents/handbook/{doc_id}")
                assert response.status_code == (200 if doc_id in expected else 404)
            absent = one.get("/v1/documents/handbook/absent.md").json()["error"]["message"]
            hidden = next(iter({*FIRST, *MORE} - expected))
            told = one.get(f"/v1/documents/handbook/{hidden}").json()["error"]["message"]
            assert told.replace(hidden, "absent.md") == absent


def test_answers_votes_and_logs(served: Served, keys: dict[str, str]) -> None:
    asked: dict[str, Any] = {"model": "documents", "user": "somebody else"}
    asked |= {"messages": [{"role": "user", "content": "What is the secret word, salary?"}]}
    with client(served, keys["ann"]) as ann, client(served, keys["bob"]) as bob:
        answer = ann.post("/v1/chat/completions", json=asked).json()
        assert "ann.md" in {one["doc_id"] for one in answer["almanac"]["citations"]}
        vote = {"request_id": answer["id"], "rating": -1, "user": "bob"}
        assert ann.post("/v1/feedback", json=vote).status_code == 202
        assert bob.post("/v1/feedback", json=vote).status_code == 404  # it is not bob's
        assert ann.get(f"/v1/requests/{answer['id']}").status_code == 403  # no role
        refused = bob.get(f"/v1/requests/{answer['id']}")  # the role, but not the right
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
        assert "salary" not in refused.text
        asked["messages"] = [{"role": "user", "content": "When are salaries paid?"}]
        own = bob.post("/v1/chat/completions", json=asked).json()
        stored = bob.get(f"/v1/requests/{own['id']}").json()["request"]
        assert stored["user_id"] == "bob"
        assert len(stored["principals_hash"]) == 16
    with client(served, keys["eve"]) as eve:
        text = json.dumps(eve.post("/v1/chat/completions", json=asked).json())
        assert "hr/pay" not in text and "working day" not in text


def test_a_conversation_is_read_by_whom_it_was_with(served: Served, keys: dict[str, str]) -> None:
    talk = [
        {"role": "user", "content": "What is the secret word?"},
        {"role": "assistant", "content": "The secret word of Ann is salary [1]."},
        {"role": "user", "content": "Who approves travel?"},
    ]
    asked = {"model": "documents", "messages": talk, "almanac": {"paths": ["travel.md"]}}
    with client(served, keys["ann"]) as ann, client(served, keys["bob"]) as bob:
        answer = ann.post("/v1/chat/completions", json=asked).json()
        assert {one["doc_id"] for one in answer["almanac"]["citations"]} == {"travel.md"}
        for refused in (
            bob.get(f"/v1/requests/{answer['id']}"),
            bob.post(f"/v1/requests/{answer['id']}/replay"),
        ):
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
            assert "salary" not in refused.text
        own = bob.post("/v1/chat/completions", json=asked).json()
        assert bob.get(f"/v1/requests/{own['id']}").json()["request"]["user_id"] == "bob"


def test_an_agent_has_the_rights_of_its_key_at_each_call(
    guarded: House, keys: dict[str, str]
) -> None:
    store = Keys.of(guarded.settings)
    made, secret = store.create("agent", [], ["ask"])
    _, operator = store.create("operator", [], ["operate"])
    service = Service(guarded.settings)
    values = {"query": "secret word salary", "k": 9}
    try:
        agent = tools(service, secret)
        found = str(asyncio.run(agent.call_tool("search", values)))
        assert "travel.md" in found
        assert "ann.md" not in found
        with pytest.raises(ToolError, match="has no role ask"):
            asyncio.run(tools(service, operator).call_tool("search", values))
        store.revoke(made.key_id)
        document = {"source": "handbook", "doc_id": "travel.md"}
        calls: list[tuple[str, dict[str, Any]]] = [
            ("search", values),
            ("ask", {"question": "salary?"}),
            ("open_document", document),
            ("list_releases", {}),
        ]
        for name, given in calls:
            with pytest.raises(ToolError, match="a wrong or revoked key"):
                asyncio.run(agent.call_tool(name, given))
    finally:
        service.close()


def test_a_change_of_rights_holds_within_seconds(served: Served, keys: dict[str, str]) -> None:
    lake = served.house.lake
    key = ("handbook", "ann.md")
    with client(served, keys["eve"]) as eve:
        assert "ann.md" not in passages(eve, "secret word")
        for principals, there in ((("public",), True), (("user:ann",), False), ((), False)):
            read_at = lake.releases("documents").as_of(None).published_at
            lake.access.record({key: Access(principals, "manual")}, read_at)
            deadline = time.monotonic() + 5
            while ("ann.md" in passages(eve, "secret word")) != there:
                assert time.monotonic() < deadline
                time.sleep(0.1)


def test_a_revoked_key_opens_nothing(served: Served, keys: dict[str, str]) -> None:
    store = Keys.of(served.house.settings)
    file = store._file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(secret in file.read_text() for secret in keys.values())
    made, secret = store.create("mallory", [], ["ask"])
    with client(served, secret) as mallory:
        assert mallory.get("/v1/models").status_code == 200
        done = served.house.run("keys", "revoke", made.key_id)
        assert "revoked 20" in done.stdout
        assert mallory.get("/v1/models").status_code == 401
    assert "mallory" in served.house.run("keys", "list").stdout


def test_an_erased_user_has_no_key_and_no_name(served: Served, keys: dict[str, str]) -> None:
    store = Keys.of(served.house.settings)
    _, secret = store.create("zacharias", ["zoo"], ["ask"])
    with client(served, secret) as one:
        assert one.get("/v1/models").status_code == 200
        done = served.house.run("erase", "--user", "zacharias", "--yes")
        assert "1 keys of this user are revoked and erased" in done.stderr  # and no request
        assert one.get("/v1/models").status_code == 401
    assert b"zacharias" not in store._file.read_bytes()
    assert b"zoo" not in store._file.read_bytes()


def test_no_revoke_is_lost_to_a_key_made_meanwhile(tmp_path: Path) -> None:
    first, _ = Keys(tmp_path / "keys.json").create("ann", [], ["ask"])

    def make(number: int) -> None:
        Keys(tmp_path / "keys.json").create(f"user{number}", [], ["ask"])

    with ThreadPoolExecutor(8) as pool:
        made = pool.map(make, range(40))
        Keys(tmp_path / "keys.json").revoke(first.key_id)
        list(made)
    assert len(Keys(tmp_path / "keys.json").active()) == 40


def test_another_host_needs_keys(house: House) -> None:
    done = house.run("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2
    assert "there are no keys: `almanac keys create --user NAME` makes one" in done.stderr


def test_an_agent_over_http_has_the_rights_of_its_key(served: Served, keys: dict[str, str]) -> None:
    values = {"query": "secret word salary", "k": 10}
    for name in ("ann", "bob"):
        told = json.loads(served.agent("search", values, keys[name]))["structured_content"]
        found = {one["doc_id"] for one in told["passages"]}
        assert found == passages(client(served, keys[name]), "secret word salary")
    refused = client(served, None).post("/mcp", json={})
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"
    assert refused.headers["cache-control"] == "no-store"


def test_a_probe_without_a_key_learns_that_it_is_ready_and_nothing_else(
    served: Served, keys: dict[str, str]
) -> None:
    assert client(served, None).get("/readyz").json() == {"status": "ready"}
    assert client(served, keys["ann"]).get("/readyz").json() == {"status": "ready"}


def test_how_the_lakehouse_stands_is_for_who_operates_it(
    served: Served, keys: dict[str, str]
) -> None:
    assert client(served, keys["ann"]).get("/v1/status").status_code == 403
    found = client(served, keys["bob"]).get("/v1/status").json()
    assert found["release"]["documents"] == len(FIRST | MORE)

"""Whatever a client sends, it gets one of OpenAI's errors, and others go on."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from almanac.serving import errors
from almanac.serving.metrics import Metrics
from tests.serving.conftest import Served

QUESTION = {"role": "user", "content": "Who approves travel?"}
GOOD = {"model": "documents", "messages": [QUESTION]}


def bad(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


BODIES: list[tuple[bytes, int, str]] = [
    (b"", 422, "send a JSON object"),
    (b"{", 400, "no JSON"),
    (b"\xff\xfe", 400, "body"),
    (b"null", 422, "send a JSON object"),
    (b"[]", 422, "send a JSON object"),
    (b"[" * 5_000, 400, "more than 64 levels"),
    (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, 400, "more than 64 levels"),
    (b"{}", 422, "model"),
    (bad(model=7), 422, "model"),
    (bad(model="gpt-4"), 404, "there is no model 'gpt-4', only: documents"),
    (bad(messages=[]), 422, "messages"),
    (bad(messages="hello"), 422, "messages"),
    (bad(messages=[{"content": "hello"}]), 422, "messages.0.role"),
    (bad(messages=[{"role": "assistant", "content": "hello"}]), 422, "must be the user's"),
    (bad(messages=[{"role": "user", "content": "  "}]), 422, "not blank"),
    (bad(messages=[{"role": "user", "content": "\u200b"}]), 422, "not blank"),
    (bad(messages=[{"role": "user", "content": [{"type": "image_url"}]}]), 422, "not blank"),
    (bad(messages=[QUESTION] * 1_001), 422, "messages"),
    (bad(messages=[{"role": "user", "content": "a " * 60_000}]), 422, "more than 100,000 char"),
    (bad(max_tokens=0), 422, "max_tokens"),
    (bad(max_tokens="many"), 422, "max_tokens"),
    (bad(temperature=9), 422, "temperature"),
    (bad(n=2), 422, "n"),
    (bad(user=""), 422, "user"),
    (bad(almanac={"as_of": "yesterday"}), 422, "neither a date"),
    (bad(almanac={"as_of": "2020-01-01"}), 404, "the first release of 'documents' is 1"),
    (bad(almanac={"as_of": 99}), 404, "has no release 99: they go from 1 to 2"),
    (bad(almanac={"k": 0}), 422, "almanac.k"),
    (bad(almanac={"nope": 1}), 422, "almanac.nope"),
    (bad(padding="x" * 1_000_001), 413, "more than 1,000,000 bytes"),
]


@pytest.mark.parametrize(("body", "status", "said"), BODIES, ids=range(len(BODIES)))
def test_a_bad_body(served: Served, body: bytes, status: int, said: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = served.client.post("/v1/chat/completions", content=body, headers=headers)
    error = response.json()["error"]
    assert response.status_code == status, error
    assert said in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


def test_fields_that_are_not_known_are_passed_over(served: Served) -> None:
    more = {"top_p": 1, "tools": None, "logit_bias": {}, "chat_id": "x", "seed": 4}
    assert served.chat("Who approves travel?", **more).status_code == 200


def test_text_of_any_kind(served: Served) -> None:
    for text in ("\u202etravel\u0000", "💥" * 500, "travel " * 5_000, "<script>alert(1)</script>"):
        response = served.chat(text)
        assert response.status_code in (200, 422), response.text
    parts = [{"type": "text", "text": "Who approves"}, {"type": "text", "text": "travel?"}]
    body = {"model": "documents", "messages": [{"role": "user", "content": parts}]}
    assert served.client.post("/v1/chat/completions", json=body).status_code == 200


def test_other_addresses_and_methods(served: Served) -> None:
    assert "/docs lists" in served.client.get("/v1/nothing").json()["error"]["message"]
    wrong = served.client.get("/v1/chat/completions")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "http_405")
    rebound = served.client.get("/v1/releases", headers={"Host": "evil.example:80"})
    assert (rebound.status_code, rebound.json()["error"]["code"]) == (421, "wrong_host")
    plain = served.client.post("/v1/chat/completions", content=json.dumps(GOOD))
    assert "Content-Type: application/json" in plain.json()["error"]["message"]
    document = served.client.get("/v1/documents/handbook/../../etc/passwd")
    assert document.status_code == 404


def test_clients_that_stop_half_way_disturb_nobody(served: Served) -> None:
    host, port = served.address.removeprefix("http://").split(":")
    half = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{"
    waiting = [socket.create_connection((host, int(port))) for _ in range(30)]
    for at, client in enumerate(waiting):
        client.sendall((half, b"POST", b"\x16\x03\x01 no http \r\n\r\n")[at % 3])
    assert served.chat("Who approves travel?").status_code == 200
    for client in waiting:
        client.close()
    assert served.client.get("/healthz").status_code == 200


def test_a_model_that_breaks_off_or_talks_nonsense(served: Served) -> None:
    torn = served.client.post(
        "/v1/chat/completions",
        json=GOOD | {"messages": [{"role": "user", "content": "TORN travel"}]},
    )
    assert (torn.status_code, torn.json()["error"]["code"]) == (502, "model_failed")
    response = served.chat("TORN LONG travel", stream=True)
    parts = [part.removeprefix("data: ") for part in response.text.split("\n\n") if part]
    assert json.loads(parts[-1])["error"]["code"] == "model_failed"
    request_id = json.loads(parts[0])["id"]
    stored = served.client.get(f"/v1/requests/{request_id}").json()["request"]
    assert stored["status"] == "failed"
    assert stored["response"].startswith("The board approves travel")
    answer = served.chat("NONSENSE travel").json()
    assert answer["almanac"]["status"] == "answered"
    assert answer["choices"][0]["message"]["content"].endswith("Half ? a pair.")
    assert answer["usage"]["prompt_tokens"] == 0


def test_a_session_of_any_characters_is_stored(served: Served) -> None:
    content = bad(metadata={"session_id": "\ud800" + "s" * 9_000})
    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    stored = served.client.get(f"/v1/requests/{answer.json()['id']}").json()["request"]
    assert stored["session_id"] == "?" + "s" * 511


def test_what_nobody_foresaw_is_an_error_of_the_same_form() -> None:
    app = FastAPI()
    errors.install(app, Metrics())

    @app.get("/")
    async def root() -> int:
        return 1 // 0

    response = TestClient(app, raise_server_exceptions=False).get("/")
    assert (response.status_code, response.json()) == (500, errors.unexpected())

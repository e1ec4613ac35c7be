"""`POST /v1/chat/completions` and what is beside it, at a running server."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import openai
import pytest

from tests.serving.conftest import House, Served, text_of

TRAVEL = "Who approves travel?"
ANSWER = "The board approves travel that costs over 900 euro [1]."


def test_an_answer_names_its_release_and_its_passages(served: Served, house: House) -> None:
    response = served.chat(TRAVEL, almanac={"k": 2})
    answer = response.json()
    assert response.status_code == 200, answer
    assert answer["choices"][0]["message"]["content"] == ANSWER
    about = answer["almanac"]
    assert (about["release"], about["status"], about["model"]) == (2, "answered", "stub-1")
    assert about["as_of"] == "2026-03-02T23:00:00Z"
    assert [one["used"] for one in about["citations"]] == [True, False]
    assert response.headers["x-request-id"] == answer["id"] == about["request_id"]
    cited = about["citations"][0]
    assert (cited["source"], cited["doc_id"], cited["title"]) == ("handbook", "travel.md", "Travel")
    document = served.client.get("/v1/documents/handbook/travel.md?release=2").json()
    passage = document["text"][cited["start"] : cited["end"]]
    assert passage == "# Travel\n\nThe board approves travel that costs over 900 euro."
    (annotation,) = answer["choices"][0]["message"]["annotations"]
    place = annotation["url_citation"]
    assert ANSWER[place["start_index"] : place["end_index"]] == "[1]"
    assert served.client.get(place["url"]).json()["doc_id"] == "travel.md"


def test_a_date_is_answered_from_its_release(served: Served) -> None:
    for as_of, expected in (("2026-03-01", 1), (1, 1), ("2026-03-02T23:00:00Z", 2)):
        answer = served.chat(TRAVEL, almanac={"as_of": as_of}).json()
        assert answer["almanac"]["release"] == expected
    answer = served.chat(TRAVEL, almanac={"as_of": "2026-03-01"}).json()
    said = "Your manager approves travel that costs over 500 euro [1]."
    assert answer["choices"][0]["message"]["content"] == said


def test_a_stream_is_the_same_answer_in_pieces(served: Served) -> None:
    events = served.events(TRAVEL)
    first, last = events[0], events[-1]
    assert first["choices"] == []
    assert first["almanac"]["release"] == 2
    assert {one["used"] for one in first["almanac"]["citations"]} == {False}
    assert text_of(events) == ANSWER
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["usage"] == {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    assert last["almanac"]["citations"][0]["used"] is True
    assert {event["id"] for event in events} == {first["id"]}


def test_the_official_client(served: Served) -> None:
    client = openai.OpenAI(base_url=f"{served.address}/v1", api_key="none", max_retries=0)
    assert [one.id for one in client.models.list()] == ["documents"]
    asked: Any = [{"role": "user", "content": TRAVEL}]
    whole = client.chat.completions.create(model="documents", messages=asked)
    assert whole.choices[0].message.content == ANSWER
    stream = client.chat.completions.create(
        model="documents",
        messages=asked,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"almanac": {"as_of": "2026-03-01"}},
    )
    chunks = list(stream)
    words = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(words) == "Your manager approves travel that costs over 500 euro [1]."
    assert chunks[-1].usage is not None
    with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-4', only: documents"):
        client.chat.completions.create(model="gpt-4", messages=asked)
    with pytest.raises(openai.APIError, match="out of memory"):
        list(
            client.chat.completions.create(
                model="documents",
                messages=[{"role": "user", "content": "BROKEN travel"}],
                stream=True,
            )
        )


@pytest.mark.parametrize("order", ["INVENTED", "UNKNOWN"])
def test_what_no_passage_supports_is_not_shown(served: Served, order: str) -> None:
    events = served.events(f"{order} travel?")
    assert text_of(events) == "I don't know."
    assert events[-1]["almanac"]["status"] == "refused"
    assert events[-1]["choices"][0]["delta"]["annotations"] == []
    russian = served.chat(f"{order} кто утверждает командировки?").json()
    assert russian["choices"][0]["message"]["content"] == "Я не знаю."


def test_the_request_is_stored_with_all_that_made_the_answer(served: Served) -> None:
    history = [
        {"role": "system", "content": "Talk like a pirate."},
        {"role": "user", "content": "How often is a backup written?"},
        {"role": "assistant", "content": "Nightly [1]."},
        {"role": "user", "content": "And at what time?"},
    ]
    body = {
        "model": "documents",
        "messages": history,
        "user": "ann",
        "metadata": {"session_id": "s"},
    }
    answer = served.client.post("/v1/chat/completions", json=body).json()
    stored = served.client.get(f"/v1/requests/{answer['id']}").json()["request"]
    assert stored["question"] == "And at what time?"
    assert stored["details"]["standalone_question"] == "What about backups?"
    assert stored["response"] == answer["choices"][0]["message"]["content"]
    assert (stored["user_id"], stored["session_id"], stored["release"]) == ("ann", "s", 2)
    assert [one["role"] for one in stored["history"]] == ["user", "assistant"]
    assert [one["role"] for one in stored["prompt"]] == ["system", "user", "assistant", "user"]
    assert "pirate" not in json.dumps(stored["prompt"])
    assert stored["context"][0]["text"].endswith(
        "A backup of the database is written nightly at two."
    )
    assert (stored["assistant"], stored["status"]) == ("documents", "answered")
    assert len(stored["version"]) == 64
    assert stored["version"].startswith(answer["almanac"]["version"])
    assert (stored["prompt_tokens"], stored["params"]["max_tokens"]) == (100, 256)


def test_votes(served: Served) -> None:
    request = served.chat(TRAVEL).json()["id"]
    vote = {"request_id": request, "rating": -1, "correction": "Ask Ann.", "user": "bob"}
    assert served.client.post("/v1/feedback", json=vote).status_code == 202
    (stored,) = served.client.get(f"/v1/requests/{request}").json()["votes"]
    assert (stored["user_id"], stored["rating"], stored["correction"]) == ("bob", -1, "Ask Ann.")
    assert served.client.delete(f"/v1/feedback/{request}?user=bob").status_code == 200
    assert served.client.get(f"/v1/requests/{request}").json()["votes"] == []
    lost = served.client.post("/v1/feedback", json={"request_id": "req-0", "rating": 1})
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "request_not_found")


def test_a_reader_who_leaves_is_logged_with_what_was_said(served: Served, house: House) -> None:
    gone = house.model.gone
    host, port = served.address.removeprefix("http://").split(":")
    body = {"model": "documents", "stream": True}
    body |= {"messages": [{"role": "user", "content": "LONG SLOW travel"}]}
    content = json.dumps(body)
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json"
            f"\r\nContent-Length: {len(content)}\r\n\r\n{content}".encode()
        )
        read = b""
        while b'"content"' not in read:
            read += client.recv(65536)
    request_id = read.partition(b'"id":"')[2].partition(b'"')[0].decode()
    stored = _stored(served, request_id)
    assert stored["status"] == "cut"
    assert stored["response"].startswith(
        "The board approves travel that costs over 900 euro 0 [1]."
    )
    assert stored["response"].count("[1]") < 200
    deadline = time.monotonic() + 10
    while house.model.gone == gone and time.monotonic() < deadline:
        time.sleep(0.05)
    assert house.model.gone == gone + 1  # the model was told to stop


def _stored(served: Served, request_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        response = served.client.get(f"/v1/requests/{request_id}")
        if response.status_code == 200:
            found: dict[str, Any] = response.json()["request"]
            return found
        time.sleep(0.05)
    raise AssertionError(f"{request_id} was never stored")


def test_passages_without_a_model(served: Served) -> None:
    found = served.client.post("/v1/retrieve", json={"query": "database backup", "k": 1}).json()
    (passage,) = found["passages"]
    assert (found["release"], passage["doc_id"]) == (2, "backup.md")
    assert "written nightly at two" in passage["text"]


def test_some_documents_alone(served: Served) -> None:
    body = {"query": "travel backup salaries", "k": 9, "paths": ["hr/**", "backup.md"]}
    found = served.client.post("/v1/retrieve", json=body).json()["passages"]
    assert {one["doc_id"] for one in found} == {"hr/pay.md", "backup.md"}
    answer = served.chat(TRAVEL, almanac={"paths": ["hr/**"]}).json()
    assert {one["doc_id"] for one in answer["almanac"]["citations"]} == {"hr/pay.md"}
    stored = served.client.get(f"/v1/requests/{answer['id']}").json()["request"]
    assert len(stored["context_hashes"]) == len(stored["context"]) == 1
    assert served.client.post(f"/v1/requests/{answer['id']}/replay").json()["same"] is True
    nothing = served.chat(TRAVEL, almanac={"sources": ["absent"]}).json()
    assert nothing["choices"][0]["message"]["content"] == "I don't know."
    assert (nothing["almanac"]["status"], nothing["almanac"]["citations"]) == ("empty", [])


def test_health_and_figures(served: Served) -> None:
    assert served.client.get("/healthz").json() == {"status": "alive"}
    ready = served.client.get("/readyz").json()
    assert ready == {"status": "ready", "release": 2, "problems": []}
    served.chat(TRAVEL, user="somebody-special")
    page = served.client.get("/metrics").text
    assert 'almanac_answers_total{assistant="documents",status="answered"}' in page
    assert 'almanac_release{index="documents"} 2.0' in page
    assert "somebody-special" not in page

"""Answers that are given again by a running server, and what makes them go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.serving.conftest import FIRST, House, Served, text_of

TRAVEL = "Who approves travel?"
ASSISTANTS = """
[assistants.documents]
endpoint = "stub"
cache = { mode = "exact" }
guards = { meaning = false, question_personal = "off", answer_personal = "off" }
[assistants.plain]
endpoint = "stub"
guards = { meaning = false, question_personal = "off", answer_personal = "off" }
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, house: House) -> House:
    own = House(tmp_path_factory.mktemp("kept"), house.model, ASSISTANTS)
    own.night("2026-03-01", FIRST)
    return own


@pytest.fixture(scope="module")
def served(house: House) -> Iterator[Served]:
    with house.served() as served:
        yield served


def was_asked(served: Served, question: str, **more: object) -> bool:
    """Was the model asked for this answer? The answer says the same."""
    before = len(served.house.model.requests)
    answer = served.chat(question, **more).json()
    asked = len(served.house.model.requests) > before
    assert answer["almanac"]["cached"] is not asked
    return asked


def test_the_same_question_is_answered_without_a_model(served: Served) -> None:
    first = served.chat(TRAVEL, user="ann").json()
    again = served.chat("who approves travel", user="bob").json()
    assert (first["almanac"]["cached"], again["almanac"]["cached"]) == (False, True)
    assert again["choices"] == first["choices"]
    assert again["almanac"]["citations"] == first["almanac"]["citations"]
    assert again["usage"]["total_tokens"] == 0
    assert again["id"] != first["id"]
    logged = served.client.get(f"/v1/requests/{again['id']}").json()["request"]
    assert (logged["cached"], logged["user_id"]) == (first["id"], "bob")
    assert logged["status"] == "answered"
    replayed = served.client.post(f"/v1/requests/{again['id']}/replay").json()
    assert replayed["same"], replayed
    figures = served.client.get("/metrics").text
    assert 'almanac_cached_answers_total{assistant="documents"} 1.0' in figures


def test_it_streams_as_others_do(served: Served) -> None:
    served.chat(TRAVEL)
    events = served.events(TRAVEL)
    assert events[0]["choices"] == []
    assert (events[0]["almanac"]["cached"], events[-1]["almanac"]["cached"]) == (True, True)
    assert text_of(events) == served.chat(TRAVEL).json()["choices"][0]["message"]["content"]
    assert len([one for one in events if one["choices"]]) > 2
    assert events[-1]["choices"][0]["finish_reason"] == "stop"


def test_what_is_not_given_again(served: Served) -> None:
    pay = "When are salaries paid?"
    assert was_asked(served, pay)
    assert not was_asked(served, pay)
    assert was_asked(served, pay, almanac={"no_cache": True})
    assert was_asked(served, pay, almanac={"as_of": "2026-03-01"})
    assert was_asked(served, pay, almanac={"k": 2})
    assert was_asked(served, pay, temperature=0.5)
    tool = {"type": "function", "function": {"name": "calendar"}}
    assert was_asked(served, pay, tools=[tool])  # a route may send it to another model
    assert was_asked(served, pay, model="plain")
    talk = [
        {"role": "user", "content": pay},
        {"role": "assistant", "content": "On Friday."},
        {"role": "user", "content": pay},
    ]
    assert was_asked(served, pay, messages=talk)
    for refused in ("UNKNOWN salaries?", "INVENTED salaries?", "CUT salaries?"):
        assert was_asked(served, refused)
        assert was_asked(served, refused)


def test_a_dislike_ends_it(served: Served) -> None:
    backup = "When is a backup of the database written?"
    assert was_asked(served, backup)
    given = served.chat(backup).json()
    assert given["almanac"]["cached"]
    vote = {"request_id": given["id"], "rating": -1, "user": "bob"}
    assert served.client.post("/v1/feedback", json=vote).status_code == 202
    assert was_asked(served, backup)
    assert was_asked(served, backup)  # from the very same passages: not kept again


def test_a_changed_document_ends_it_at_night_and_erasure_at_once(
    served: Served, house: House
) -> None:
    assert was_asked(served, "Who approves travel, then?")
    assert not was_asked(served, "Who approves travel, then?")
    house.night("2026-03-02", {"other.md": "# Parking\n\nVisitors park behind the hall.\n"})
    until = time.monotonic() + 10
    while served.chat("Parking?").json()["almanac"]["release"] < 2:
        assert time.monotonic() < until
        time.sleep(0.1)
    # All passages are shown, so a new one is one more.
    assert was_asked(served, "Who approves travel, then?")
    assert not was_asked(served, "Who approves travel, then?")
    told = json.loads(house.run("cache", "status", "--json").stdout)
    assert told["assistants"] == {"documents": "exact", "plain": "off"}
    assert told["answers"] > 1 and told["gone"]["changed"] >= 1 and told["given"] >= 5
    served.chat("Does Zacharias approve travel?", user="zacharias")
    assert not was_asked(served, "Does Zacharias approve travel?")
    assert b"Zacharias" in kept_bytes(house)
    done = house.run("erase", "--user", "zacharias", "--yes", "--json")
    assert "kept_answers" in json.loads(done.stdout)["folders"]  # or the server was first
    assert b"Zacharias" not in kept_bytes(house)
    assert was_asked(served, "Does Zacharias approve travel?")
    done = house.run("erase", "--doc", "other.md", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert b"behind the hall" not in kept_bytes(house)
    # Nobody asked this one while other.md was there, so its passages never were others.
    with house.served() as again:
        assert again.chat(TRAVEL).json()["almanac"]["cached"] is True
    done = house.run("cache", "clear", "--yes", "--json")
    assert json.loads(done.stdout)["answers"] >= 1, done.stderr


def kept_bytes(house: House) -> bytes:
    files = (house.folder / "lake" / "journal").glob("answers.sqlite*")
    return b"".join(file.read_bytes() for file in files)

"""What was delivered is stored, once and equal: kills, new releases, the way to Delta."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from almanac.journal import Journal, journal_places
from tests.serving.conftest import House, Served, text_of

TRAVEL = "Who approves travel?"


class Readers:
    """Clients that ask for streams until they are told to stop; what each of them got whole."""

    def __init__(self, served: Served, count: int, question: str = TRAVEL) -> None:
        self._served = served
        self._question = question
        self._stop = threading.Event()
        self.whole: list[list[dict[str, Any]]] = []
        self.broken = 0
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _ask(self) -> None:
        body = {"model": "documents", "stream": True}
        body |= {"messages": [{"role": "user", "content": self._question}]}
        with httpx.Client(base_url=self._served.address, timeout=30) as client:
            while not self._stop.is_set():
                events: list[dict[str, Any]] = []
                try:
                    with client.stream("POST", "/v1/chat/completions", json=body) as response:
                        for line in response.iter_lines():
                            if line.startswith("data: {"):
                                events.append(json.loads(line.removeprefix("data: ")))
                except httpx.HTTPError:
                    pass
                if events and _is_whole(events):
                    self.whole.append(events)
                else:
                    self.broken += 1


def _is_whole(events: list[dict[str, Any]]) -> bool:
    choices = events[-1].get("choices")
    return bool(choices) and choices[0]["finish_reason"] == "stop"


@pytest.mark.slow
def test_what_was_delivered_before_a_kill_is_stored(house: House) -> None:
    delivered: list[list[dict[str, Any]]] = []
    for _ in range(3):
        with house.served() as served:
            readers = Readers(served, 8)
            deadline = time.monotonic() + 30
            while len(readers.whole) < 20 and time.monotonic() < deadline:
                time.sleep(0.01)
            served.process.kill()
            served.process.wait(10)
            readers.end()
            delivered += readers.whole
    assert len(delivered) >= 60
    assert house.run("feedback", "drain").returncode == 0
    stored = {one.request_id: one for one in house.lake.requests.rows()}
    for events in delivered:
        assert stored[events[0]["id"]].response == text_of(events)
    ids = [events[0]["id"] for events in delivered]
    rows = house.lake.delta("requests").files()
    assert rows and len(set(ids)) == len(ids)


@pytest.mark.slow
def test_no_answer_mixes_two_releases(tmp_path_factory: Any, house: House) -> None:
    other = House(tmp_path_factory.mktemp("swaps"), house.model)
    other.night("2026-03-01", {"travel.md": "# Travel\n\nRelease number 1 says so.\n"})
    with other.served() as served:
        readers = Readers(served, 8, "SLOW What does the release say?")
        for seq in range(2, 7):
            text = f"# Travel\n\nRelease number {seq} says so.\n"
            other.night(f"2026-03-{seq:02d}", {"travel.md": text})
            deadline = time.monotonic() + 20
            while served.client.get("/readyz").json()["release"] < seq:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        readers.end()
    assert readers.broken == 0
    answered = set()
    for events in readers.whole:
        seq = events[0]["almanac"]["release"]
        answered.add(seq)
        assert text_of(events) == f"Release number {seq} says so [1]."
        assert events[-1]["almanac"]["release"] == seq
    assert len(answered) >= 4


def test_a_dislike_reaches_triage_without_an_import(house: House) -> None:
    with house.served() as served:
        request = served.chat("When is a backup written?", user="ann").json()["id"]
        correction = "Salaries are paid on the last working day of the month."
        vote = {"request_id": request, "rating": -1, "correction": correction, "user": "ann"}
        assert served.client.post("/v1/feedback", json=vote).status_code == 202
        other = {
            "request_id": "mine-1",
            "question": "Who?",
            "response": "Ann.",
            "user_id": "bob",
            "context": [{"chunk_id": "c1", "text": "Ann does it."}],
            "colour": "blue",
        }
        assert served.client.post("/v1/requests", json=other).status_code == 202
        wrong = served.client.post("/v1/requests", json=other | {"response": "Bob."})
        assert "another request of the id 'mine-1'" in wrong.json()["error"]["message"]
    done = house.run("triage", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(house.run("triage", "show", request, "--json").stdout)
    assert shown["evidence"]["then"]["release"] == 2
    stored = house.lake.requests.rows(["mine-1"])[0]
    assert (stored.response, stored.details) == ("Ann.", {"colour": "blue"})
    place = journal_places(house.lake.location.uri)[0]
    journal = Journal(place)
    assert journal.pending().rows == 0
    journal.close()


def test_a_drain_that_failed_goes_on(tmp_path_factory: Any, house: House) -> None:
    other = House(tmp_path_factory.mktemp("drain"), house.model)
    other.night("2026-03-01", {"travel.md": "# Travel\n\nThe board approves travel.\n"})
    other.config.write_text(
        other.config.read_text().replace("poll_seconds = 0.2", "flush_seconds = 0.2")
    )
    place = journal_places(other.lake.location.uri)[0]
    lock = place.with_name(f"{place.name}-drain")
    place.parent.mkdir(exist_ok=True)
    lock.mkdir()  # what no drain can open
    with other.served() as served:
        request = served.chat(TRAVEL).json()["id"]
        log = other.folder / "serve.log"
        _until(lambda: "wait in the journal" in log.read_text())
        lock.rmdir()
        _until(lambda: bool(other.lake.requests.rows([request])))
        _until(lambda: "almanac_journal_rows 0.0" in served.client.get("/metrics").text)


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)

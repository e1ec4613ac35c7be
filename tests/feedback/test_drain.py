"""What waits in the journal comes to Delta once, whatever is broken, killed or full."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from almanac.client import log_request, log_vote
from almanac.feedback.drain import Drained, bring_in, drain, drain_all
from almanac.journal import Journal, journal_places
from almanac.journal.journal import Stored, Table
from schemas.errors import StorageUnavailable
from schemas.feedback import Passage, Request, Vote
from tests.feedback.conftest import Desk, request

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


def asked(number: int, **other: object) -> Request:
    values = {
        "request_id": f"q{number}",
        "asked_at": AT + timedelta(seconds=number),
        "user_id": "ann",
        "question": f"What is {number}?",
        "response": f"It is {number}.",
        "context": (Passage(f"c{number}", f"{number} is {number}."),),
    }
    return Request(**(values | other))  # type: ignore[arg-type]


def like(number: int, **other: object) -> Vote:
    return replace(Vote(f"q{number}", "ann", AT, 1), **other)  # type: ignore[arg-type]


@pytest.fixture
def journal(desk: Desk) -> Journal:
    return Journal(journal_places(desk.lake.location.uri)[0])


def test_rows_are_stored_as_they_came(desk: Desk, journal: Journal) -> None:
    served = {
        "status": "answered",
        "assistant": "handbook",
        "version": "ab",
        "route": {"chosen": "small"},
        "params": {"seed": 0},
        "context_hashes": ("h",),
        "first_token_ms": 3.5,
    }
    rows = [asked(1), asked(2, **served)]
    for one in rows:
        journal.append_request(one)
    journal.append_vote(like(1))
    assert drain(desk.lake, journal) == Drained(requests=2, votes=1)
    assert desk.lake.requests.rows() == rows
    assert desk.lake.votes.rows() == [like(1)]
    assert desk.versions() == {"requests": 2, "votes": 2, "quarantine": 0, "lease": 0}
    assert journal.pending().rows == 0
    assert journal.path.with_name("journal.sqlite-wal").stat().st_size == 0
    assert drain(desk.lake, journal) == Drained()


def test_what_comes_meanwhile_is_no_commit_of_its_own(desk: Desk, journal: Journal) -> None:
    class Busy(Journal):
        """One that a row comes to after each look."""

        def first(self, table: Table, count: int, characters: int = 1 << 62) -> list[Stored]:
            found = super().first(table, count, characters)
            if table == "requests":
                journal.append_request(asked(100 + len(desk.lake.requests.rows())))
            return found

    journal.append_request(asked(1))
    before = desk.versions()["requests"]
    assert drain(desk.lake, Busy(journal.path)).requests == 1
    assert desk.versions()["requests"] == before + 2  # the table, and one commit
    assert journal.pending().requests == 1
    assert drain(desk.lake, journal).requests == 1


def test_a_broken_row_is_quarantined_and_holds_up_nothing(desk: Desk, journal: Journal) -> None:
    for one in (
        asked(1),
        asked(2, question=" "),
        asked(3, response=""),  # a should: recorded, and stored
        asked(4, user_id="eve", latency_ms=-1.0),
        asked(5),
        asked(6),
        asked(7),
    ):
        journal.append_request(one)
    journal.append_vote(like(1, rating=5))
    journal.append_vote(like(5))
    with sqlite3.connect(journal.path) as database:
        database.execute("UPDATE requests SET record = '{cut' WHERE request_id = 'q5'")
        broken = json.dumps({"request_id": "q6", "asked_at": "2026-03-01T10:00Z", "user_id": "ann"})
        database.execute("UPDATE requests SET record = ? WHERE request_id = 'q6'", (broken,))
    with desk.lake.lease("night", "a nightly run", 60):
        done = drain(desk.lake, journal)
        assert done == Drained(requests=3, votes=1, refused=5, waiting=6)
    assert [one.request_id for one in desk.lake.requests.rows()] == ["q1", "q3", "q7"]
    assert desk.lake.votes.rows() == [like(5)]
    assert desk.held() == []
    assert journal.pending().refused == 6
    assert drain(desk.lake, journal) == Drained()
    place = f"{journal.path.name}:5"
    assert desk.held() == [
        ("requests", place, "journal_row_is_whole"),
        ("requests", "q2", "question_is_not_blank"),
        ("requests", "q3", "response_is_not_blank"),
        ("requests", "q4", "counts_are_not_negative"),
        ("requests", "q6", "journal_row_is_whole"),
        ("votes", "q1", "rating_is_up_or_down"),
    ]
    (row,) = [one for one in desk.lake.quarantine.rows() if one.doc_id == "q4"]
    assert json.loads(row.value)["user_id"] == "eve"
    assert json.loads(row.value)["found"] == "-1.0"
    assert journal.pending().rows == 0


def test_votes_are_taken_back_in_the_journal_and_in_delta(desk: Desk, journal: Journal) -> None:
    journal.append_vote(like(1))
    journal.append_vote(like(1, user_id="bob"))
    drain(desk.lake, journal)
    journal.append_vote(like(1, rating=-1, rated_at=AT + timedelta(days=1)))
    journal.withdraw_vote("q1", "ann")
    journal.append_vote(like(1, comment="after all"))
    assert drain(desk.lake, journal) == Drained(votes=1, withdrawn=1)
    assert desk.lake.votes.rows() == [
        like(1, comment="after all"),
        like(1, user_id="bob"),
    ]


def test_what_delta_has_is_not_stored_again(desk: Desk, journal: Journal) -> None:
    desk.take(desk.write("log.jsonl", [request(1, rating=1), request(2)]))
    known = desk.lake.requests.rows()
    journal.append_request(known[0])
    journal.append_request(replace(known[1], response="Else."))
    assert drain(desk.lake, journal) == Drained(known=1, refused=1)
    assert desk.lake.requests.rows() == known
    (row,) = desk.lake.quarantine.rows()
    assert (row.doc_id, row.expectation) == ("q2", "request_conflict")
    assert row.reason.startswith("A request of this id is stored with other content")
    assert "differ in: response." in row.reason


def test_two_drains_at_once(desk: Desk, journal: Journal) -> None:
    other = Journal(journal.path)
    for number in range(30):
        journal.append_request(asked(number))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda one: drain(desk.lake, one), (journal, other)))
    assert sum(one.requests for one in both) == 30
    stored = desk.lake.delta("requests").read(["request_id"])["request_id"].to_pylist()
    assert sorted(stored) == sorted(f"q{number}" for number in range(30))
    from almanac.journal.database import only_one

    with only_one(journal.path, 0) as held:
        assert held
        assert drain(desk.lake, other, wait_seconds=0.1) == Drained(busy=True)


KILLED = """
import os, signal, sys
from almanac.feedback import drain as module
from almanac.journal import Journal
from lakehouse import open_lakehouse

lake, path, point = sys.argv[1:]
owner, name = {
    "committed": (Journal, "settle"),
    "let go": (module, "_quarantine"),
    "quarantined": (Journal, "settle_refused"),
}[point]
setattr(owner, name, lambda *given: os.kill(os.getpid(), signal.SIGKILL))
module.drain(open_lakehouse(lake), Journal(path))
"""


@pytest.mark.slow
@pytest.mark.parametrize("point", ["committed", "let go", "quarantined"])
def test_a_drain_that_is_killed_is_gone_on_with(desk: Desk, journal: Journal, point: str) -> None:
    for one in (asked(1), asked(2, question=" "), asked(3)):
        journal.append_request(one)
    journal.append_vote(like(1))
    journal.withdraw_vote("q1", "ann")
    journal.append_vote(like(1, rating=-1))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, desk.settings.lakehouse, str(journal.path), point],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert killed.returncode == -9, killed.stderr
    journal.append_request(asked(4))
    drain(desk.lake, journal)
    stored = desk.lake.delta("requests").read(["request_id"])["request_id"].to_pylist()
    assert sorted(stored) == ["q1", "q3", "q4"]
    votes = desk.lake.delta("votes").read(["request_id", "rating"]).to_pylist()
    assert votes == [{"request_id": "q1", "rating": -1}]
    assert desk.held() == [("requests", "q2", "question_is_not_blank")]
    assert len(desk.lake.quarantine.rows(None)) == 1
    assert journal.pending().rows == 0


@pytest.mark.slow
def test_a_full_disk_leaves_the_rows_in_the_journal(desk: Desk, journal: Journal) -> None:
    journal.append_request(asked(1))
    code = """
import resource, signal, sys
from almanac.feedback.drain import drain
from almanac.journal import Journal
from expectations.feedback import requests_frame
from expectations.runner import validate
from lakehouse import open_lakehouse
from schemas.errors import StorageUnavailable

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
lake, journal = open_lakehouse(sys.argv[1]), Journal(sys.argv[2])
everything = resource.RLIM_INFINITY
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, everything))
try:
    drain(lake, journal)
except StorageUnavailable as error:
    print(error)
print(journal.pending().requests)
resource.setrlimit(resource.RLIMIT_FSIZE, (everything, everything))
print(drain(lake, journal).requests)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, desk.settings.lakehouse, str(journal.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    error, *left = done.stdout.splitlines()
    assert "the storage of the lakehouse" in error
    assert left == ["1", "1"]
    assert desk.lake.requests.rows() == [asked(1)]


def test_a_reader_goes_on_where_the_journal_cannot_be_stored(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    path = journal_places(desk.lake.location.uri)[0]
    path.parent.mkdir(parents=True)
    path.write_text("no journal, and longer than a header of SQLite is " * 9)
    bring_in(desk.settings)
    assert "what was logged a moment ago is not among what follows" in caplog.text
    with pytest.raises(Exception, match="is no journal, or is damaged"):
        drain_all(desk.settings)


def test_every_place_is_drained(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_vote(desk.lake, request_id="q1", user_id="ann", rating=1)
    monkeypatch.setenv("ALMANAC_SERVING__JOURNAL", str(tmp_path / "own" / "journal.sqlite"))
    log_request(desk.lake, question="Why?", response="So.", context=[], user_id="ann", asked_at=AT)
    assert (tmp_path / "own" / "journal.sqlite").exists()
    assert drain_all(desk.settings) == Drained(requests=1, votes=1)


def test_many_small_commits_are_written_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.vacuum._SMALL_FILES", 8)
    log = desk.lake.delta("votes")
    row = {"user_id": "ann", "rated_at": AT, "rating": 1, "stated": True}
    tended = []
    for number in range(10):
        log.append([row | {"request_id": f"q{number}"}])
        tended.append(log.tend(timedelta(hours=1)))
    assert tended == [*[False] * 8, True, False]
    assert len([path for path in log.files() if path.endswith(".parquet")]) == 2
    assert desk.lake.votes.count() == 10


def test_a_vanished_disk_is_told(desk: Desk, journal: Journal) -> None:
    journal.append_request(asked(1))
    (desk.root / "lake" / "delta").write_text("a file in the place of the tables")
    with pytest.raises(StorageUnavailable):
        drain(desk.lake, journal)
    assert journal.pending().requests == 1

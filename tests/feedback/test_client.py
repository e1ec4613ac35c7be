"""An application logs requests and votes, from several processes at once."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.client import log_request, log_vote
from almanac.feedback import facts
from almanac.feedback.drain import Drained, drain_all
from lakehouse.erasures import user_subject
from schemas.errors import ConfigError
from schemas.feedback import Passage, Request, Vote
from tests.feedback.conftest import Desk

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
SHOWN = [{"chunk_id": "c1", "text": "It is blue."}]
PROCESS = """
import sys
from almanac.client import log_request, log_vote

place, name = sys.argv[1:]
sys.stdin.readline()
for number in range(3):
    asked = log_request(place, request_id=f"{name}{number}", question="Why?", response="So.",
                        context=[], user_id=name)
    log_vote(place, request_id=asked, user_id=name, rating="up")
    log_vote(place, request_id="shared", user_id="both", rating=-1, rated_at="2026-03-01T10:00Z")
"""


def test_a_request_and_a_vote(desk: Desk) -> None:
    given = {
        "question": "Which colour?",
        "response": "Blue.",
        "user_id": "ann",
        "asked_at": AT,
        "context": SHOWN,
        "release": 4,
        "model": "m",
        "details": {"team": "desk"},
    }
    asked = log_request(desk.lake, **given)
    assert log_request(str(desk.root / "lake"), **given) == asked
    at = datetime(2026, 3, 2)  # noqa: DTZ001 (without an offset it is UTC)
    for _ in range(2):
        log_vote(
            desk.lake, request_id=asked, user_id="bob", rating=False, correction="Red.", rated_at=at
        )
    assert desk.versions() == {"requests": 0, "votes": 0, "quarantine": 0, "lease": 0}
    assert facts.stored(desk.settings, asked)["votes"][0]["correction"] == "Red."
    assert desk.lake.requests.rows() == [
        Request(
            request_id=asked,
            asked_at=AT,
            user_id="ann",
            question="Which colour?",
            response="Blue.",
            context=(Passage("c1", "It is blue."),),
            release=4,
            model="m",
            details={"team": "desk"},
        )
    ]
    assert desk.lake.votes.rows() == [
        Vote(asked, "bob", at.replace(tzinfo=UTC), -1, None, "Red.", True)
    ]
    assert desk.versions() == {"requests": 2, "votes": 2, "quarantine": 0, "lease": 0}
    log_request(desk.lake, **given)
    assert drain_all(desk.settings) == Drained(known=1)
    assert desk.versions()["requests"] == 2


def test_bad_input_is_refused_in_one_line_and_nothing_is_stored(desk: Desk) -> None:
    fine = {"question": "Why?", "response": "So.", "context": [], "user_id": "ann"}
    with pytest.raises(ConfigError, match="log_request: The row has no question"):
        log_request(desk.lake, **fine | {"question": " "})
    with pytest.raises(ConfigError, match="log_request: context holds what has no chunk_id"):
        log_request(desk.lake, **fine | {"context": [1]})
    with pytest.raises(ConfigError, match=r"log_vote: The rating is neither.*found 'maybe'"):
        log_vote(desk.lake, request_id="q", user_id="ann", rating="maybe")
    with pytest.raises(ConfigError, match="log_vote: rated_at is no time"):
        log_vote(desk.lake, request_id="q", user_id="ann", rating=1, rated_at="soon")  # type: ignore[arg-type]
    desk.lake.erasures.append(user_subject("eve"), "user", "erased", AT, {})
    with pytest.raises(ConfigError, match="This user was erased"):
        log_vote(desk.lake, request_id="q", user_id="eve", rating=1)
    assert drain_all(desk.settings) == Drained()
    log_request(desk.lake, **fine, request_id="q1", asked_at=AT)
    with pytest.raises(ConfigError, match="log_request: another request of the id 'q1' is stored"):
        log_request(desk.lake, **fine, request_id="q1")
    drain_all(desk.settings)
    log_request(desk.lake, **fine, request_id="q1")  # what Delta has is not looked at here
    assert drain_all(desk.settings) == Drained(refused=1)
    assert desk.held() == [("requests", "q1", "request_conflict")]


def test_one_who_was_erased_a_moment_ago_is_refused(desk: Desk) -> None:
    log_vote(desk.lake, request_id="q", user_id="eve", rating=1)
    desk.lake.erasures.append(user_subject("eve"), "user", "erased", AT, {})
    with pytest.raises(ConfigError, match="This user was erased"):
        log_vote(desk.lake, request_id="q", user_id="eve", rating=1)
    assert drain_all(desk.settings) == Drained(refused=1)  # the one before
    (row,) = desk.lake.quarantine.rows()
    assert row.expectation == "user_is_not_erased"
    assert "eve" not in row.value


@pytest.mark.slow
def test_two_processes_log_at_once_into_a_new_lakehouse(desk: Desk) -> None:
    place = str(desk.root / "lake")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, place, name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        _, complaint = process.communicate(timeout=120)
        assert process.returncode == 0, complaint
    drain_all(desk.settings)
    found = desk.lake.requests.rows()
    assert {one.request_id for one in found} == {f"{n}{i}" for n in "ab" for i in range(3)}
    votes = desk.lake.votes.rows()
    assert sorted(vote.request_id for vote in votes) == sorted(
        [*(one.request_id for one in found), "shared"]
    )

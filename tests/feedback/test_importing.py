"""Logs go in once, whatever their order, and the numbers are those of the data."""

from __future__ import annotations

import gzip
import lzma
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from almanac.feedback import importing
from almanac.feedback.facts import log_facts, status
from schemas.errors import ConfigError, FeedbackUnreadable
from schemas.feedback import Passage, opinions
from schemas.hashing import sha256_text
from schemas.settings import FeedbackSettings
from tests.feedback.conftest import Desk, request, vote

SHARED = {
    "requests": 1548,
    "votes": 2909,
    "disliked": 830,
    "liked": 679,
    "without_vote": 39,
    "contradicting": 311,
    "disliked_with_correction": 458,
    "votes_without_a_request": 0,
}


@pytest.fixture
def shared(shared_data: Path) -> tuple[str, str]:
    folder = shared_data / "feedback"
    return str(folder / "log.jsonl"), str(folder / "votes.jsonl")


def test_the_shared_log_goes_in_as_it_is_and_once(desk: Desk, shared: tuple[str, str]) -> None:
    assert desk.counts(*shared) == {"requests": (1548, 1548, 0, 0), "votes": (2909, 2909, 0, 0)}
    assert log_facts(desk.lake) == SHARED
    before = desk.versions()
    assert before == {"requests": 2, "votes": 2, "quarantine": 0, "lease": 0}
    assert desk.counts(*shared) == {"requests": (1548, 0, 1548, 0), "votes": (2909, 0, 2909, 0)}
    assert desk.versions() == before
    assert log_facts(desk.lake) == SHARED

    first = desk.lake.requests.rows(["req-20260105-00000"])[0]
    assert first.asked_at == datetime(2026, 1, 5, 5, 36, 33, tzinfo=UTC)
    assert (first.user_id, first.session_id, first.lang) == ("u-002", "s-00000", "en")
    assert (first.prompt_version, first.index_version) == ("v1", "2026-01-05")
    assert [passage.chunk_id for passage in first.context] == ["halueval-0398#0"]
    assert first.details == {
        "source": "halueval-qa",
        "source_key": "halu-398-bad",
        "made_up": [],
    }


def test_the_facts_are_those_of_the_opinions(desk: Desk, shared: tuple[str, str]) -> None:
    desk.take(*shared)
    found = opinions(desk.lake.votes.rows())
    disliked = [one for one in found.values() if one.rating < 0]
    assert len(disliked) == SHARED["disliked"]
    assert len(found) - len(disliked) == SHARED["liked"]
    assert sum(one.mixed for one in found.values()) == SHARED["contradicting"]
    latest = [one for one in disliked if one.votes[-1].correction]
    assert len(latest) == SHARED["disliked_with_correction"]


def test_who_changes_their_mind_contradicts_nobody(desk: Desk) -> None:
    votes = [
        vote(1, user_id="u1", rating=1, rated_at="2026-03-05"),
        vote(1, user_id="u1", rating=-1, rated_at="2026-03-06"),
        vote(2, user_id="u1", rating=1, rated_at="2026-03-05"),
        vote(2, user_id="u2", rating=-1, rated_at="2026-03-06"),
    ]
    desk.take(desk.write("log.jsonl", [request(1), request(2)]), desk.write("votes.jsonl", votes))
    assert (log_facts(desk.lake)["disliked"], log_facts(desk.lake)["contradicting"]) == (2, 2)
    found = opinions(desk.lake.votes.rows())
    assert all(one.mixed for one in found.values())
    assert {name: one.contradicting for name, one in found.items()} == {"q1": False, "q2": True}


def test_votes_first_and_everything_shuffled_and_packed(
    desk: Desk, shared: tuple[str, str]
) -> None:
    log, votes = (Path(path).read_bytes().splitlines(keepends=True) for path in shared)
    random.Random(7).shuffle(log)
    random.Random(8).shuffle(votes)
    (desk.root / "log").mkdir()
    (desk.root / "log" / "a.gz").write_bytes(gzip.compress(b"".join(log[1000:])))
    (desk.root / "log" / "b.txt").write_bytes(b"\xef\xbb\xbf" + b"".join(log[:1100]))
    (desk.root / "votes.xz").write_bytes(lzma.compress(b"".join(votes)))
    assert desk.counts(None, str(desk.root / "votes.xz"))["votes"] == (2909, 2909, 0, 0)
    facts = log_facts(desk.lake)
    assert (facts["requests"], facts["votes"], facts["disliked"]) == (0, 2909, 0)
    assert facts["votes_without_a_request"] == 2909
    # Hundred requests stand in both files of the folder. With votes known, their own step back.
    result = desk.counts(str(desk.root / "log"))
    assert result["requests"] == (1648, 1548, 100, 0)
    assert log_facts(desk.lake) == SHARED


def test_the_log_alone_gives_the_votes_of_those_who_asked(
    desk: Desk, shared: tuple[str, str]
) -> None:
    assert desk.counts(shared[0])["votes"] == (1509, 1509, 0, 0)
    facts = log_facts(desk.lake)
    assert (facts["votes"], facts["disliked"], facts["liked"]) == (1509, 830, 679)
    assert (facts["without_vote"], facts["contradicting"]) == (39, 0)
    assert facts["disliked_with_correction"] == 458
    assert not any(one.stated for one in desk.lake.votes.rows())
    assert desk.counts(*shared)["votes"] == (2909, 2909, 0, 0)
    assert log_facts(desk.lake) == SHARED


def test_what_the_log_says_of_votes_is_in_no_details(desk: Desk) -> None:
    rated = request(1, rating="down", comment="no", correction="Two.", n_votes=1, colour="red")
    desk.take(desk.write("log.jsonl", [rated, request(2, rating=1, rated_at="2026-03-05")]))
    assert desk.lake.requests.rows(["q1"])[0].details == {"colour": "red"}
    first, second = desk.lake.votes.rows()
    # Without a time of its own it was given when the question was asked.
    assert (first.rating, first.comment, first.correction) == (-1, "no", "Two.")
    assert first.rated_at == datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)
    assert second.rated_at == datetime(2026, 3, 5, tzinfo=UTC)
    # More votes came meanwhile: the request is the same.
    again = desk.write("later.jsonl", [rated | {"rating": 1, "n_votes": 2}])
    assert desk.counts(again) == {"requests": (1, 0, 1, 0), "votes": (1, 1, 0, 0)}


def test_the_same_row_twice_in_a_file_counts_once(desk: Desk) -> None:
    log = desk.write("log.jsonl", [request(1), request(1), request(2)])
    votes = desk.write("votes.jsonl", [vote(1), vote(1), vote(1, user_id="bob")])
    assert desk.counts(log, votes) == {"requests": (3, 2, 1, 0), "votes": (3, 2, 1, 0)}
    assert [one.user_id for one in desk.lake.votes.rows()] == ["ann", "bob"]


def test_one_commit_a_batch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH", 4)
    log = desk.write("log.jsonl", [request(n % 8) for n in range(12)])
    assert desk.counts(log)["requests"] == (12, 8, 4, 0)
    assert desk.versions() == {"requests": 3, "votes": 0, "quarantine": 0, "lease": 0}


def test_the_same_id_with_other_content_is_a_conflict(desk: Desk) -> None:
    first = desk.write("first.jsonl", [request(1), request(2)])
    other = desk.write("other.jsonl", [request(1, response="No.", user_id="bob"), request(3)])
    assert desk.counts(first)["requests"] == (2, 2, 0, 0)
    for _ in range(2):
        result = desk.counts(other)["requests"]
        assert (result[0], result[3]) == (2, 1)
        desk.take(first)  # which proves nothing about the other file
        assert desk.held() == [("requests", "q1", "request_conflict")]
    assert desk.lake.requests.rows(["q1"])[0].response == "It is 1."
    reason = desk.lake.quarantine.rows()[0].reason
    assert "differ in: user_id, response." in reason
    desk.write("other.jsonl", [request(1), request(3)])
    assert desk.counts(other)["requests"] == (2, 0, 2, 0)
    assert desk.held() == []


def test_a_conflict_inside_one_file_lets_the_first_line_stay(desk: Desk) -> None:
    log = desk.write("log.jsonl", [request(1), request(1, question="Else?")])
    assert desk.counts(log)["requests"] == (2, 1, 0, 1)
    assert desk.counts(log)["requests"] == (2, 0, 1, 1)
    assert desk.lake.requests.rows()[0].question == "What is 1?"


def test_passages_messages_and_columns_of_other_names(desk: Desk) -> None:
    row = {
        "id": 17,
        "meta": {"who": {"id": "ann"}, "time": 1772359200.5, "app": "x"},
        "input": "Why?",
        "output": "So.",
        "docs": '[{"id": "c1", "content": "A."}, "B."]',
        "prompt": [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}],
        "usage": {"in": "12"},
        "latency_ms": 7,
    }
    desk.columns = {
        "request_id": "id",
        "user_id": "meta.who.id",
        "asked_at": "meta.time",
        "question": "input",
        "response": "output",
        "context": "docs",
        "prompt_tokens": "usage.in",
    }
    desk.take(desk.write("log.jsonl", [row]), desk.write("votes.jsonl", [vote(1)]))
    found = desk.lake.requests.rows()[0]
    assert (found.request_id, found.user_id, found.question) == ("17", "ann", "Why?")
    assert found.asked_at == datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC)
    assert found.context == (
        Passage("c1", "A."),
        Passage(f"text-{sha256_text('B.')[:16]}", "B."),
    )
    assert found.prompt == ({"role": "user", "content": "Why?"},)
    assert (found.prompt_tokens, found.latency_ms) == (12, 7.0)
    assert found.details == {"meta": {"app": "x"}}
    # A file that has the field under its own name needs no mapping.
    assert desk.lake.votes.rows()[0].request_id == "q1"


def test_what_cannot_be_imported_at_all(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"set feedback\.log"):
        desk.take(None)
    with pytest.raises(FeedbackUnreadable, match="there is no file or folder"):
        desk.take(str(desk.root / "nothing"))
    desk.columns = {"questoin": "q"}
    with pytest.raises(ConfigError, match="no field 'questoin'; there are adapter"):
        desk.take(desk.write("log.jsonl", [request(1)]))
    desk.columns = {}
    monkeypatch.setattr(importing, "_BATCH", 3)
    nameless = [{**request(n), "question": None} for n in range(4)]
    with pytest.raises(FeedbackUnreadable, match=r"first 3 rows.*The row has no question"):
        desk.take(desk.write("log.jsonl", nameless))
    assert desk.held() == [] and desk.lake.requests.count() == 0
    assert [row["status"] for row in desk.lake.runs.rows()] == ["failed", "failed"]


def test_the_configured_log_is_read_where_none_is_named(desk: Desk) -> None:
    log = desk.write("log.jsonl", [request(1)])
    settings = desk.settings.model_copy(update={"feedback": FeedbackSettings(log=log)})
    result = importing.import_feedback(settings, None, None, "run-1")
    assert result["requests"] == {"total": 1, "new": 1, "known": 0, "quarantined": 0}
    run = desk.lake.runs.rows()[0]
    assert (run["run_id"], run["status"]) == ("run-1", "done")
    assert '"purpose":"feedback import"' in run["report"]
    said = status(settings)
    assert (said["first"], said["log"]["without_vote"]) == ("2026-03-01T10:00:01Z", 1)

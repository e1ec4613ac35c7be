"""Agents over HTTP, the page of routes, and what a server counts and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from almanac.journal import Journal
from schemas.errors import StorageUnavailable
from schemas.feedback import Vote
from schemas.times import parse_when
from tests.serving.conftest import Served

TRAVEL = "Who approves travel over 500 euro?"


def test_an_agent_asks_over_http(served: Served) -> None:
    found = served.agent("search", {"query": "travel", "k": 1})
    assert "travel costs over" in found.replace("travel that costs", "travel costs")
    answer = served.agent("ask", {"question": TRAVEL})
    assert "approves travel" in answer


def test_the_page_of_routes_asks_no_other_host(served: Served) -> None:
    page = served.client.get("/docs").text
    assert "https://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"docs/{name}" in page
        assert len(served.client.get(f"/docs/{name}").content) > 100_000
    assert served.client.get("/docs/other.js").status_code == 404
    assert "/v1/chat/completions" in served.client.get("/openapi.json").json()["paths"]


def test_refusals_are_counted_by_code(served: Served) -> None:
    assert served.chat(TRAVEL, model="nobody").status_code == 404
    page = served.client.get("/metrics").text
    assert 'almanac_errors_total{code="model_not_found"} 1.0' in page


def test_a_replay_that_answers_takes_a_place(served: Served) -> None:
    asked = json.loads(served.chat(TRAVEL).text)["almanac"]["request_id"]
    report = served.client.post(f"/v1/requests/{asked}/replay", params={"now": True})
    assert report.json()["today"]["status"] == "answered"
    assert "almanac_streams 0.0" in served.client.get("/metrics").text


def test_a_full_journal_refuses_and_loses_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    journal.limit(200_000)
    stored = 0
    with pytest.raises(StorageUnavailable, match="is full"):
        for number in range(1_000):
            comment = f"{number} " * 300
            vote = Vote(str(number), "ann", parse_when("2026-03-03"), -1, comment)
            journal.append_vote(vote)
            stored += 1
    assert journal.pending().votes == stored > 50
    assert journal.room() < 0.1
    journal.settle("votes", journal.first("votes", stored)[-1].number)
    assert journal.room() > 0.5
    journal.append_vote(Vote("after", "ann", parse_when("2026-03-03"), 1))

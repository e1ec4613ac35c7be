"""What stands in the log now: how many requests, and what users think of the answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.quarantine import FEEDBACK
from schemas.errors import FeedbackUnknown
from schemas.settings import Settings
from schemas.times import isoformat

# The rules of `schemas.feedback.Opinion`, in SQL: of a million votes no object each is made.
_OPINIONS = """
    WITH votes AS (
        SELECT DISTINCT request_id, user_id, rated_at, rating, comment, correction,
            coalesce(stated, true) AS stated
        FROM log
        QUALIFY stated OR NOT bool_or(coalesce(stated, true)) OVER (PARTITION BY request_id)
    ), ordered AS (
        SELECT *, row_number() OVER (
            PARTITION BY request_id ORDER BY rated_at DESC, user_id DESC, rating DESC,
            coalesce(comment, '') DESC, coalesce(correction, '') DESC
        ) AS nth FROM votes
    ), opinions AS (
        SELECT request_id, count(*) AS votes,
            min(rating) FILTER (nth = 1) AS rating,
            min(correction) FILTER (nth = 1) AS correction,
            count(DISTINCT rating) > 1 AS contradicting
        FROM ordered GROUP BY request_id
    )
    SELECT
        coalesce(sum(votes), 0)::BIGINT AS votes,
        count(*) FILTER (asked AND rating < 0) AS disliked,
        count(*) FILTER (asked AND rating > 0) AS liked,
        count(*) FILTER (asked AND contradicting) AS contradicting,
        count(*) FILTER (asked AND rating < 0 AND correction IS NOT NULL)
            AS disliked_with_correction,
        count(*) FILTER (asked) AS with_a_vote,
        coalesce(sum(votes) FILTER (NOT asked), 0)::BIGINT AS votes_without_a_request
    FROM (
        SELECT opinions.*, requests.request_id IS NOT NULL AS asked
        FROM opinions LEFT JOIN requests USING (request_id)
    )
"""
_REQUESTS = "SELECT DISTINCT request_id FROM log"
_SPAN = "SELECT min(asked_at) AS first, max(asked_at) AS last FROM log"


def log_facts(lake: Lakehouse) -> dict[str, int]:
    """Requests and votes as they stand; per request the latest vote counts.

    `contradicting`: likes and dislikes both. `disliked_with_correction`: the latest vote has one.
    Votes whose request did not come yet are counted apart.
    """
    requests = lake.delta("requests").query(_REQUESTS)
    row = lake.delta("votes").query(_OPINIONS, requests=requests).to_pylist()[0]
    asked = requests.num_rows
    names = ("votes", "disliked", "liked")
    later = ("contradicting", "disliked_with_correction", "votes_without_a_request")
    return (
        {"requests": asked}
        | {name: row[name] for name in names}
        | {"without_vote": asked - row["with_a_vote"]}
        | {name: row[name] for name in later}
    )


def status(settings: Settings) -> dict[str, Any]:
    """What stands in the log, what of it is in quarantine, and the span of time that it covers."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    span = lake.delta("requests").query(_SPAN).to_pylist()[0]
    facts = log_facts(lake)
    return {
        "log": facts,
        "liked": facts["liked"],
        "disliked": facts["disliked"],
        "first": isoformat(span["first"]) if span["first"] else None,
        "last": isoformat(span["last"]) if span["last"] else None,
        "quarantine": quarantined(lake),
    }


def stored(settings: Settings, request_id: str) -> dict[str, Any]:
    """What is stored of a request: `request`, None where its votes came first, and `votes`.

    Raises:
        FeedbackUnknown: neither a request nor a vote has this id.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    requests = lake.requests.rows([request_id])
    votes = lake.votes.rows([request_id], every=True)
    if not requests and not votes:
        raise FeedbackUnknown(
            f"no request {request_id!r} is stored: `almanac feedback status` says how many there "
            "are, `almanac quarantine list` what was refused"
        )
    request = next((one.as_row() | {"context_known": one.context_known} for one in requests), None)
    return {
        "request": request,
        "votes": [asdict(vote) | {"rated_at": isoformat(vote.rated_at)} for vote in votes],
    }


def quarantined(lake: Lakehouse) -> list[dict[str, Any]]:
    """Open rows of feedback by table and rule, most first."""
    counts = Counter(
        (row.source.removeprefix(FEEDBACK), row.expectation, row.severity)
        for row in lake.quarantine.rows()
        if row.source.startswith(FEEDBACK)
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"table": table, "expectation": rule, "severity": severity, "rows": rows}
        for (table, rule, severity), rows in ordered
    ]

"""The log in figures: how many requests, and what users think of the answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from almanac.feedback.drain import bring_in
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.quarantine import FEEDBACK
from schemas.errors import FeedbackUnknown
from schemas.settings import Settings
from schemas.times import isoformat


def log_facts(lake: Lakehouse) -> dict[str, int]:
    """How many requests and votes there are, by `lakehouse.opinions.OpinionCounts`."""
    return asdict(lake.opinions.counts())


def status(settings: Settings) -> dict[str, Any]:
    """What stands in the log, what of it is in quarantine, and the span of time that it covers."""
    bring_in(settings)
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    first, last = lake.requests.span()
    facts = log_facts(lake)
    return {
        "log": facts,
        "liked": facts["liked"],
        "disliked": facts["disliked"],
        "first": isoformat(first) if first else None,
        "last": isoformat(last) if last else None,
        "quarantine": quarantined(lake),
    }


def stored(settings: Settings, request_id: str) -> dict[str, Any]:
    """What is stored of a request: `request`, None where its votes came first, and `votes`.

    Raises:
        FeedbackUnknown: neither a request nor a vote has this id.
    """
    bring_in(settings)
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

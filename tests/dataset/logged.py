"""Requests, votes and verdicts to build datasets from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse import Lakehouse, open_lakehouse
from schemas.feedback import ACTIONS, Cause, Opinion, Passage, Request, Triaged, Vote, opinions
from schemas.settings import DatasetSettings, Settings

FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)
# Each a question of its own; near copies of each other would be dropped.
THINGS = (
    "the badge reader",
    "a parental leave",
    "the backup of accounts",
    "Kubernetes",
    "our canteen",
    "a lost passport",
    "the coffee machine",
    "quarterly taxes",
    "a bicycle rack",
    "the firewall",
    "remote interviews",
    "dental insurance",
    "a fire drill",
    "the mail archive",
    "guest wifi",
    "a broken window",
    "travel expenses",
    "the parking garage",
    "an overdue invoice",
    "night work",
)


def asked(number: int, **fields: Any) -> Request:
    """Request `number`, an hour after the one before, in a session of its own."""
    thing = THINGS[number % len(THINGS)]
    said: dict[str, Any] = {
        "request_id": f"r-{number:03d}",
        "asked_at": FIRST + timedelta(hours=number),
        "user_id": f"u-{number:03d}",
        "session_id": f"s-{number:03d}",
        "question": f"Who is responsible for {thing} in building {number}?",
        "response": f"Nobody knows who looks after {thing} these days.",
        "context": (Passage(f"c-{number}", f"Office {number} takes care of {thing}."),),
        "lang": "en",
        "details": {"source": "wiki"},
    }
    return Request(**said | fields)


def vote(request: Request, rating: int, correction: str | None = None, **fields: Any) -> Vote:
    said: dict[str, Any] = {
        "request_id": request.request_id,
        "user_id": request.user_id,
        "rated_at": request.asked_at + timedelta(minutes=5),
        "rating": rating,
        "correction": correction,
    }
    return Vote(**said | fields)


def opinion(*votes: Vote) -> Opinion:
    return opinions(votes)[votes[0].request_id]


def verdict(request: Request, cause: Cause = "model_fault") -> Triaged:
    return Triaged(request.request_id, cause, ACTIONS[cause], {}, (), f"f-{request.request_id}")


def faults(numbers: Iterable[int], corrected: bool = True) -> list[tuple[Request, Vote]]:
    """Disliked requests, each with its own correction or none."""
    requests = [asked(number) for number in numbers]
    return [
        (one, vote(one, -1, f"Ask office {one.request_id[2:]}." if corrected else None))
        for one in requests
    ]


def likes(numbers: Iterable[int]) -> list[tuple[Request, Vote]]:
    return [(one, vote(one, 1)) for one in map(asked, numbers)]


def fill(
    lake: Lakehouse,
    said: Sequence[tuple[Request, Vote]],
    verdicts: Iterable[Triaged] | None = None,
) -> None:
    """Store requests with their votes; every dislike is the model's fault unless told otherwise."""
    lake.requests.append(request for request, _ in said)
    lake.votes.append(one for _, one in said)
    if verdicts is None:
        verdicts = [verdict(request) for request, one in said if one.rating < 0]
    lake.triage.record(verdicts, "triage", FIRST)


def configured(root: Path, **rules: Any) -> Settings:
    return Settings(
        lakehouse=str(root / "lake"),
        dataset=DatasetSettings(**({"meaning": False, "rules": 1} | rules)),
    )


def lake_of(settings: Settings) -> Lakehouse:
    return open_lakehouse(settings.lakehouse)

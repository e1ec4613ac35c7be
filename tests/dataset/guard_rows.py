"""Candidates to guard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from almanac.dataset.assemble import question_group
from almanac.dataset.candidates import Candidate, Guarded
from almanac.dataset.guards import guard
from schemas.examples import Example
from schemas.feedback import Opinion, Vote
from schemas.settings import DatasetSettings

FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)


def example(question: str, **fields: Any) -> Example:
    said: dict[str, Any] = {
        "request_id": "r-0",
        "chosen": "The office on the second floor does.",
        "rejected": None,
        "origin": "like",
        "cause": "liked",
        "question": question,
        "context": (),
        "lang": "en",
        "source": "wiki",
        "group": question_group(question),
    } | fields
    if said["rejected"] is not None and "origin" not in fields:
        said["origin"] = "correction" if said["chosen"] is not None else "dislike"
    texts = [*said["context"], question]
    said.setdefault("prompt", ({"role": "user", "content": "\n\n".join(texts)},))
    return Example(**said)


def candidate(
    number: int, question: str, user: str | None = None, votes: Sequence[Vote] = (), **fields: Any
) -> Candidate:
    """Request `r-NUMBER`, so many minutes after the first, of a user of its own by default."""
    name, at = f"r-{number:03d}", FIRST + timedelta(minutes=number)
    made = example(question, request_id=name, **fields)
    user = user or f"u-{number}"
    rating = -1 if made.rejected is not None else 1
    correction = made.chosen if made.origin == "correction" else None
    own = (Vote(name, user, at, rating, None, correction),)
    return Candidate(made, at, user, None, Opinion(name, tuple(votes) or own))


def vote(user: str, rating: int, minute: int = 0, comment: str | None = None) -> Vote:
    return Vote("r", user, FIRST + timedelta(minutes=minute), rating, comment)


def guarded(*candidates: Candidate, golden: Sequence[str] = (), **rules: Any) -> Guarded:
    """Through all guards, without the model of the meaning; a token is a word."""
    rules = {"meaning": False, "rules": 1} | rules
    return guard(candidates, DatasetSettings(**rules), golden, lambda text: len(text.split()))


def kept(found: Guarded) -> list[str]:
    return [one.example.request_id for one in found.kept]


def reasons(found: Guarded) -> dict[str, tuple[str, dict[str, Any]]]:
    return {one.request_id: (one.reason, dict(one.details)) for one in found.dropped}

"""What triage found, as work for people: by document and cause, and one request with all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.feedback.drain import bring_in
from almanac.triage.verdict_cache import new_model_faults, standing
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import AlmanacError
from schemas.feedback import ACTIONS, Cause, Triaged
from schemas.settings import Settings
from schemas.times import isoformat

# A model's fault is trained on, and not a row of work for people.
WORK: tuple[Cause, ...] = tuple(cause for cause in ACTIONS if cause != "model_fault")


def work_list(lake: Lakehouse, verdicts: Mapping[str, Triaged]) -> list[dict[str, Any]]:
    """Rows of source, doc_id, cause, requests, action and example, those with the most first.

    A request whose evidence names several documents counts for each; one whose evidence names none
    stands under no document (null). `example` is the question of the first of its requests.
    """
    groups: dict[tuple[str | None, str | None, Cause], list[str]] = {}
    for name, one in sorted(verdicts.items()):
        if one.cause in WORK:
            for source, doc_id in one.documents or ((None, None),):
                groups.setdefault((source, doc_id, one.cause), []).append(name)
    firsts = {names[0] for names in groups.values()}
    questions = {one.request_id: one.question for one in lake.requests.rows(firsts)}
    rows = [
        {
            "source": source,
            "doc_id": doc_id,
            "cause": cause,
            "requests": len(names),
            "action": ACTIONS[cause],
            "example": questions.get(names[0], ""),
            "request_id": names[0],
        }
        for (source, doc_id, cause), names in groups.items()
    ]
    return sorted(rows, key=_order)


def listed(settings: Settings, cause: str | None = None) -> dict[str, Any]:
    """Every verdict on a request that is disliked now: id, cause, reason, documents, question."""
    lake = _open(settings)
    verdicts = standing(lake)
    questions = {one.request_id: one for one in lake.requests.rows(verdicts)}
    rows = [
        {
            "request_id": name,
            "cause": one.cause,
            "reason": one.evidence["reason"],
            "documents": [list(key) for key in one.documents],
            "question": questions[name].question if name in questions else "",
        }
        for name, one in verdicts.items()
        if cause in (None, one.cause)
    ]
    return {"requests": rows, "new_model_faults": len(new_model_faults(lake, verdicts))}


def shown(settings: Settings, request_id: str) -> dict[str, Any]:
    """One request, what was said of it, and its verdict with all the evidence.

    Raises:
        AlmanacError: it was not looked into.
    """
    lake = _open(settings)
    found = lake.triage.current().get(request_id)
    requests = lake.requests.rows([request_id])
    if found is None or not requests:
        raise AlmanacError(
            f"request {request_id!r} was not looked into: `almanac triage` looks into every "
            "dislike, and `almanac triage list` names them"
        )
    votes = [
        {
            "user_id": vote.user_id,
            "rated_at": isoformat(vote.rated_at),
            "rating": vote.rating,
            "comment": vote.comment,
            "correction": vote.correction,
        }
        for vote in lake.votes.rows([request_id])
    ]
    return {
        "request": requests[0].as_row(),
        "votes": votes,
        "cause": found.cause,
        "action": found.action,
        "documents": [list(key) for key in found.documents],
        "evidence": dict(found.evidence),
        "voices": dict(found.voices),
        "rules": found.rules,
        "fingerprint": found.fingerprint,
    }


def _order(row: dict[str, Any]) -> tuple[int, str, str, str]:
    return (-row["requests"], row["cause"], row["source"] or "", row["doc_id"] or "")


def _open(settings: Settings) -> Lakehouse:
    bring_in(settings)
    return open_lakehouse(settings.lakehouse, settings.storage_options)

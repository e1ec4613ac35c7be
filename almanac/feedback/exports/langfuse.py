"""Langfuse: traces with their scores, and scores alone, as its pages and its API export them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from almanac.feedback.exports.people import asker, by_a_user
from almanac.feedback.exports.values import answered, asked, documents, kept
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces

Row = Mapping[str, Any]
_KEPT = ("name", "tags", "metadata", "version", "release", "environment")
_PEOPLE = ("API", "ANNOTATION")  # EVAL: a model's judgement


def is_trace(row: Row) -> bool:
    """A trace has what went in and came out, and Langfuse's spelling of its session and user."""
    return {"id", "timestamp", "input", "output"} <= row.keys() and bool(
        {"sessionId", "userId", "scores", "observations", "htmlPath"} & row.keys()
    )


def is_score(row: Row) -> bool:
    """A score names the trace that it is about."""
    return {"traceId", "name"} <= row.keys() and bool({"value", "stringValue"} & row.keys())


def of_trace(row: Row, traces: Traces) -> Iterator[Record]:
    """The request of a trace, and a vote a user's score."""
    request_id = str(row["id"])
    user = asker(row.get("userId"), row.get("sessionId"), request_id)
    context = _retrieved(row)
    values = {
        "request_id": request_id,
        "asked_at": row["timestamp"],
        "user_id": user,
        "session_id": row.get("sessionId"),
        **asked(row["input"]),
        "response": answered(_output(row)),
        "latency_ms": _milliseconds(row.get("latency")),
        "details": kept(row, _KEPT),
    }
    yield Record(values | ({"context": context} if context is not None else {}))
    scores = _scores(row.get("scores"))
    correction = next((_value(one) for one in scores if one.get("dataType") == "CORRECTION"), None)
    for score in scores:
        if _is_vote(score):
            yield _vote(score, request_id, user, row["timestamp"], correction)


def of_score(row: Row, traces: Traces) -> Iterator[Record]:
    """The vote of a score that a user gave."""
    if _is_vote(row):
        request_id = str(row["traceId"])
        yield _vote(row, request_id, f"anonymous:{request_id}", row.get("timestamp"), None)


def _vote(score: Row, request_id: str, user: str, at: Any, correction: Any) -> Record:
    author = score.get("authorUserId") or score.get("userId")
    values = {
        "request_id": request_id,
        "user_id": author or user,
        "rated_at": score.get("timestamp") or score.get("createdAt") or at,
        "rating": _value(score),
        "comment": score.get("comment"),
        "correction": correction,
    }
    return Record(values, is_vote=True, stated=bool(author))


def _scores(value: Any) -> list[Row]:
    """The scores of a trace: objects, or values by the name of the score."""
    if isinstance(value, Mapping):
        return [
            {"name": name, "value": one}
            for name, some in value.items()
            for one in (some if isinstance(some, list) else [some])
        ]
    return [one for one in value or () if isinstance(one, Mapping)]


def _is_vote(score: Row) -> bool:
    if score.get("dataType") == "CORRECTION" or score.get("source", "API") not in _PEOPLE:
        return False
    return by_a_user(score.get("name")) or score.get("source") == "ANNOTATION"


def _value(score: Row) -> Any:
    value, said = score.get("value"), score.get("stringValue") or score.get("longStringValue")
    kind = score.get("dataType")
    if kind == "BOOLEAN" and value in (0, 1):
        return bool(value)
    return said if kind in ("CATEGORICAL", "CORRECTION", "TEXT") or value is None else value


def _output(row: Row) -> Any:
    """What came out; of a trace that does not say, its last generation's."""
    if row["output"] is not None:
        return row["output"]
    made = [one for one in _observations(row) if one.get("type") == "GENERATION"]
    made.sort(key=lambda one: str(one.get("startTime") or ""))
    return made[-1].get("output") if made else None


def _retrieved(row: Row) -> list[dict[str, Any]] | None:
    """What its retrievals found; None where it has none, for then nobody knows."""
    found = [one for one in _observations(row) if _is_retrieval(one)]
    return [text for one in found for text in documents(one.get("output"))] if found else None


def _is_retrieval(observation: Row) -> bool:
    name = str(observation.get("name") or "").lower()
    return observation.get("type") == "RETRIEVER" or "retriev" in name


def _observations(row: Row) -> list[Row]:
    return [one for one in row.get("observations") or () if isinstance(one, Mapping)]


def _milliseconds(seconds: Any) -> Any:
    return seconds * 1000 if isinstance(seconds, int | float) and seconds >= 0 else None

"""LangSmith: runs as `list_runs` and bulk exports give them, and feedback as `list_feedback` does.

Runs within others are no requests; what retrievers among them found is what their trace was shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from almanac.feedback.exports.people import asker, by_a_user
from almanac.feedback.exports.values import answered, asked, documents, kept
from almanac.feedback.fields import structure
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces
from schemas.times import as_utc

Row = Mapping[str, Any]
_KEPT = ("name", "run_type", "tags", "error", "session_name")
_USERS = ("user_id", "user-id", "userId", "user")
_SESSIONS = ("session_id", "thread_id", "conversation_id")


def is_run(row: Row) -> bool:
    """A traced step with what went in."""
    return {"id", "run_type", "inputs"} <= row.keys()


def is_feedback(row: Row) -> bool:
    """A score under a key, on a run."""
    return {"run_id", "key"} <= row.keys() and bool({"score", "value"} & row.keys())


def index(row: Row, traces: Traces) -> None:
    """Remember what retrievers found, for the request of their trace."""
    if str(row["run_type"]).lower() == "retriever":
        found = documents(row.get("outputs"))
        traces.add_documents(_trace(row), _microseconds(row.get("start_time")), found)


def of_run(row: Row, traces: Traces) -> Iterator[Record]:
    """The request of an outermost run, and its votes where it tells each."""
    if row.get("parent_run_id"):
        return
    request_id = str(row["id"])
    known = _metadata(row)
    session = next((known[name] for name in _SESSIONS if known.get(name)), None)
    named = next((known[name] for name in _USERS if known.get(name)), None)
    user = asker(named, session, request_id)
    context = traces.documents(_trace(row), _microseconds(row.get("end_time")) or 1 << 62)
    values = {
        "request_id": request_id,
        "asked_at": row.get("start_time"),
        "user_id": user,
        "session_id": None if session is None else str(session),
        **asked(row["inputs"]),
        "response": answered(row.get("outputs")),
        "model": known.get("ls_model_name"),
        "prompt_tokens": row.get("prompt_tokens"),
        "completion_tokens": row.get("completion_tokens"),
        "details": kept(row, _KEPT) | ({"metadata": known} if known else {}),
    }
    yield Record(values | ({"context": context} if context else {}))
    yield from _votes_of_stats(row, request_id, user)


def of_feedback(row: Row, traces: Traces) -> Iterator[Record]:
    """The vote of a feedback that a user gave."""
    source = structure(row.get("feedback_source"))
    kind = source.get("type") if isinstance(source, Mapping) else None
    if kind in ("model", "auto_eval") or not (by_a_user(row["key"]) or kind == "app"):
        return
    request_id = str(row.get("trace_id") or row["run_id"])
    user = source.get("user_id") if isinstance(source, Mapping) else None
    correction = structure(row.get("correction"))
    values = {
        "request_id": request_id,
        "user_id": asker(user, None, request_id),
        "rated_at": row.get("created_at") or row.get("modified_at"),
        "rating": row.get("value") if row.get("score") is None else row["score"],
        "comment": row.get("comment"),
        "correction": answered(correction) if correction else None,
    }
    yield Record(values, is_vote=True, stated=bool(user))


def _votes_of_stats(row: Row, request_id: str, user: str) -> Iterator[Record]:
    """A run's statistics of feedback hold a vote where there was one alone, or all alike."""
    stats = structure(row.get("feedback_stats"))
    for key, figures in stats.items() if isinstance(stats, Mapping) else ():
        if not by_a_user(key) or not isinstance(figures, Mapping) or figures.get("n") != 1:
            continue
        comments = figures.get("comments") or [None]
        values = {
            "request_id": request_id,
            "user_id": user,
            "rated_at": row.get("end_time") or row.get("start_time"),
            "rating": figures.get("avg"),
            "comment": comments[0],
        }
        yield Record(values, is_vote=True, stated=False)


def _metadata(row: Row) -> dict[str, Any]:
    extra = structure(row.get("extra"))
    known = extra.get("metadata") if isinstance(extra, Mapping) else row.get("metadata")
    return dict(known) if isinstance(known, Mapping) else {}


def _trace(row: Row) -> str:
    return str(row.get("trace_id") or row["id"])


def _microseconds(value: Any) -> int:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return int(as_utc(moment).timestamp() * 1e6) if isinstance(moment, datetime) else 0
    except (ValueError, OverflowError):
        return 0

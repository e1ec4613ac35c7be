"""Open WebUI: the feedback export with its snapshots of chats, and the export of chats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from almanac.feedback.exports.people import asker
from almanac.feedback.exports.values import kept
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces

Row = Mapping[str, Any]
_LONGEST = 1_000  # messages in a chat, on the way back to its first one


def is_feedback(row: Row) -> bool:
    """A vote with the chat as it was."""
    return isinstance(row.get("data"), Mapping) and {"snapshot", "meta", "user_id"} <= row.keys()


def is_chat(row: Row) -> bool:
    """A chat with the tree of its messages."""
    return bool(_messages(row.get("chat")))


def of_feedback(row: Row, traces: Traces) -> Iterator[Record]:
    """The answer that was voted on with what was asked, and the vote."""
    data, meta = row["data"], row["meta"] or {}
    snapshot = (row["snapshot"] or {}).get("chat") or {}
    messages = _messages(snapshot.get("chat") or snapshot)
    answer = messages.get(str(meta.get("message_id")), {})
    request_id, user = str(row.get("id")), str(row.get("user_id") or "")
    request = _request(messages, answer) | {
        "request_id": request_id,
        "user_id": asker(user, meta.get("chat_id"), request_id),
        "session_id": meta.get("chat_id"),
        "model": answer.get("model") or data.get("model_id"),
    }
    request["asked_at"] = request["asked_at"] or row.get("created_at")
    yield Record(request)
    if data.get("rating") is not None:
        vote = {
            "request_id": request_id,
            "user_id": request["user_id"],
            "rated_at": row.get("updated_at") or row.get("created_at"),
            "rating": data["rating"],
            "comment": _comment(data),
        }
        yield Record(vote, is_vote=True, stated=bool(user))


def of_chat(row: Row, traces: Traces) -> Iterator[Record]:
    """Every finished answer of a chat, and the votes on them."""
    messages = _messages(row["chat"])
    session = str(row.get("id") or "") or None
    for name, answer in messages.items():
        if answer.get("role") != "assistant" or not answer.get("content"):
            continue
        user = asker(row.get("user_id"), session, name)
        own = {"request_id": name, "user_id": user, "session_id": session}
        request = _request(messages, answer) | own | {"model": answer.get("model")}
        request["asked_at"] = request["asked_at"] or row.get("created_at")
        yield Record(request)
        noted = answer.get("annotation")
        if isinstance(noted, Mapping) and noted.get("rating") is not None:
            vote = {
                "request_id": name,
                "user_id": user,
                "rated_at": row.get("updated_at") or request["asked_at"],
                "rating": noted["rating"],
                "comment": _comment(noted),
            }
            yield Record(vote, is_vote=True, stated=False)


def _messages(chat: Any) -> dict[str, Row]:
    """Messages by their ids; a chat is a tree, for an answer can be asked for again."""
    history = chat.get("history") if isinstance(chat, Mapping) else None
    found = history.get("messages") if isinstance(history, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {name: one for name, one in found.items() if isinstance(one, Mapping)}


def _request(messages: Mapping[str, Row], answer: Row) -> dict[str, Any]:
    path = _path(messages, answer)
    asked = path[-1] if path else {}
    sources = [one for one in answer.get("sources") or () if isinstance(one, Mapping)]
    known = {"context": _passages(sources)} if sources else {}
    return known | {
        "asked_at": asked.get("timestamp") or answer.get("timestamp"),
        "question": _content(asked) if asked else None,
        "response": answer.get("content"),
        "history": [{"role": str(one.get("role")), "content": _content(one)} for one in path[:-1]],
        "details": _details(answer, sources),
    }


def _content(message: Row) -> Any:
    return message.get("content") or ""


def _path(messages: Mapping[str, Row], answer: Row) -> list[Row]:
    """The messages before an answer, from the first on."""
    found: list[Row] = []
    at = str(answer.get("parentId"))
    while at in messages and len(found) < _LONGEST:
        found.append(messages[at])
        at = str(messages[at].get("parentId"))
    return found[::-1]


def _passages(sources: list[Row]) -> list[dict[str, Any]]:
    """The passages that an answer was given, each named by its file and place there."""
    found = []
    for source in sources:
        known = source.get("metadata") or []
        for at, text in enumerate(source.get("document") or ()):
            about = known[at] if at < len(known) and isinstance(known[at], Mapping) else {}
            name = about.get("chunk_id") or about.get("id")
            found.append({"text": text} | ({"chunk_id": str(name)} if name else {}))
    return found


def _details(answer: Row, sources: list[Row]) -> dict[str, Any]:
    names = [one["source"].get("name") for one in sources if isinstance(one.get("source"), Mapping)]
    return {"sources": names} if names else {}


def _comment(data: Row) -> str | None:
    """What the user wrote, else the reason that was picked."""
    said = kept(data, ("comment", "reason"))
    return said.get("comment") or said.get("reason")

"""Inputs, outputs and documents of a traced application, whatever shape it gave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from almanac.feedback.fields import role_and_content, structure
from almanac.feedback.shown import answer_of
from schemas.hashing import canonical_json, sha256_text

_QUESTIONS = (
    "question",
    "query",
    "user_input",
    "user_query",
    "chat_input",
    "input",
    "text",
    "prompt",
    "message",
    "content",
)
_MESSAGES = ("messages", "prompt", "input", "chat_history")
_ANSWERS = (
    "answer",
    "output",
    "response",
    "completion",
    "result",
    "generation",
    "text",
    "content",
    "output_text",
    "message",
)
_TEXTS = ("page_content", "text", "content", "document", "pageContent", "body")
_IDS = ("chunk_id", "id", "document_id", "doc_id", "_id")
_DOCUMENTS = (
    "documents",
    "docs",
    "context",
    "contexts",
    "source_documents",
    "retrieved_documents",
    "chunks",
    "passages",
    "results",
)


def asked(value: Any) -> dict[str, Any]:
    """`prompt` or `question` of what an application was given; empty where it cannot be told."""
    value = structure(value)
    if isinstance(value, str):
        return {"question": value}
    if isinstance(value, list):
        if value and isinstance(value[0], list) and not _is_message(value[0]):
            return asked(value[0])  # of LangChain: a list of conversations
        return {"prompt": value} if any(map(_is_message, value)) else {}
    if not isinstance(value, Mapping):
        return {}
    for name in _MESSAGES:
        inner = value.get(name)
        if isinstance(inner, list) and (found := asked(inner)):
            return found
    for name in _QUESTIONS:
        if isinstance(value.get(name), str):
            return {"question": value[name]}
    return _nested(value, asked) or {}


def answered(value: Any) -> Any:
    """The answer in what an application returned: a text, or a message; None where there is none.

    Of a conversation that was returned whole, the last message.
    """
    value = structure(value)
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return answered(value[0])
        return value if answer_of(value) else answered(value[-1]) if value else None
    if not isinstance(value, Mapping):
        return None
    if _is_message(value) or "choices" in value:
        return value
    if isinstance(value.get("generations"), list):
        return answered(value["generations"])
    for name in _ANSWERS:
        if value.get(name) is not None and (found := answered(value[name])) is not None:
            return found
    if isinstance(value.get("messages"), list) and value["messages"]:
        return answered(value["messages"][-1])
    return _nested(value, answered)


def documents(value: Any) -> list[dict[str, Any]]:
    """Passages of a retrieval's output, each with its text, and with its id where it has one."""
    value = structure(value)
    if isinstance(value, Mapping):
        value = next((value[name] for name in _DOCUMENTS if isinstance(value.get(name), list)), [])
    found = []
    for one in value if isinstance(value, list) else []:
        if isinstance(one, str):
            found.append({"text": one})
        elif isinstance(one, Mapping):
            inner = one.get("kwargs") if isinstance(one.get("kwargs"), Mapping) else one
            said = first_of(inner or {}, _TEXTS)
            known = inner.get("metadata") if isinstance(inner, Mapping) else None
            name = first_of(inner or {}, _IDS) or first_of(known or {}, _IDS)
            if isinstance(said, str):
                found.append({"text": said} | ({"chunk_id": str(name)} if name else {}))
    return found


def made_id(kind: str, *parts: Any) -> str:
    """An id made of content, for rows that have none: the same content has the same."""
    return f"{kind}-{sha256_text(canonical_json(list(parts)))[:24]}"


def kept(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The columns of a row that are worth keeping in `details`."""
    return {name: row[name] for name in names if row.get(name) not in (None, "", [], {})}


def _nested(value: Mapping[str, Any], read: Any) -> Any:
    """What stands in the one object inside, as decorators nest arguments: kwargs, inputs, data."""
    for name in ("kwargs", "inputs", "outputs", "data", "args", "state", "params"):
        if isinstance(value.get(name), Mapping | list) and (found := read(value[name])):
            return found
    return None


def _is_message(value: Any) -> bool:
    return role_and_content(value)[0] is not None


def text_of(value: Any) -> Any:
    """A text as it is; of messages, the answer that they end with."""
    return value if isinstance(value, str) else answer_of(value)


def first_of(values: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The value of the first of the names that has one."""
    return next((values[name] for name in names if values.get(name) not in (None, "")), None)

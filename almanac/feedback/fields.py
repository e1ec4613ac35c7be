"""What a log says, as the types of a request and of a vote."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from almanac.core.thoughts import answer_and_thoughts
from almanac.feedback.contents import plain
from almanac.sources.jsonsafe import json_safe
from almanac.sources.parsed import Note, shown
from schemas.feedback import Message, Passage
from schemas.hashing import sha256_text
from schemas.times import as_utc

T = TypeVar("T")
Read = Callable[[Any], str]
# What a message's sender is called elsewhere than in `role`.
ROLES = {
    "human": "user",
    "user": "user",
    "ai": "assistant",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "developer": "system",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Seconds, milli-, micro- and nanoseconds since 1970 of this century differ by a thousand each.
_UNITS = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (math.inf, 10**9))
_UP = (
    "1",
    "+1",
    "1.0",
    "true",
    "up",
    "thumbs_up",
    "thumbsup",
    "👍",
    "like",
    "liked",
    "positive",
    "good",
    "yes",
    "upvote",
    "upvoted",
    "helpful",
)
_DOWN = (
    "-1",
    "-1.0",
    "false",
    "down",
    "thumbs_down",
    "thumbsdown",
    "👎",
    "dislike",
    "disliked",
    "negative",
    "bad",
    "no",
    "downvote",
    "downvoted",
    "unhelpful",
    "not_helpful",
)
_TINTS = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")  # colours of a hand, and how it is drawn
_JOINTS = re.compile(r"(?<=\w)[\s-]+(?=\w)")
RATINGS = dict.fromkeys(_UP, 1) | dict.fromkeys(_DOWN, -1)
_IDS, _TEXTS = ("chunk_id", "id"), ("text", "content", "page_content")


class Broken(Exception):
    """A row cannot be taken in; `note` says which rule it breaks. Never leaves this package."""

    def __init__(self, expectation: str, reason: str, value: object = None) -> None:
        super().__init__(reason)
        self.note = Note(expectation, reason, "" if value is None else shown(value))

    @classmethod
    def by(cls, note: Note) -> Broken:
        """The row that breaks `note`."""
        broken = cls(note.expectation, note.reason)
        broken.note = note
        return broken


def text(name: str, value: Any) -> str | None:
    """A text, or a whole number as one; None stays None."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise Broken(f"{name}_is_text", f"{name} is a {type(value).__name__}, not a text", value)


def texts(name: str, value: Any) -> tuple[str, ...]:
    """A list of texts; a bare text is one of one."""
    parsed = structure(value)
    each = [parsed] if isinstance(parsed, str) else parsed
    return tuple(_each(name, each, lambda one: text(name, one) or ""))


def moment(name: str, value: Any) -> datetime:
    """A time in UTC: ISO 8601 (UTC where it names no offset), or a number since 1970."""
    try:
        if isinstance(value, str):
            return as_utc(datetime.fromisoformat(value.strip()))
        if isinstance(value, int | float) and not isinstance(value, bool):
            unit = next(unit for limit, unit in _UNITS if abs(value) < limit)
            return _EPOCH + timedelta(microseconds=round(value * 10**6 / unit))
    except (ValueError, OverflowError, StopIteration):
        pass
    raise Broken(
        f"{name}_is_a_time",
        f"{name} is no time: write 2026-01-05T05:36:33Z, or seconds since 1970",
        "nothing" if value is None else value,
    )


def rating(value: Any) -> int:
    """1 or -1, however it is spelled; another whole number is left to the suite."""
    said = spelling(value)
    if said in RATINGS:
        return RATINGS[said]
    if isinstance(value, int) and abs(value) < 1 << 31:
        return value
    raise Broken(
        "rating_is_up_or_down",
        "The rating is neither 1 nor -1, nor up or down, true or false, like or dislike: say what "
        f"it means, as in --rating {said[:20]}=-1",
        "nothing" if value is None else value,
    )


def spelling(value: Any) -> str:
    """A rating in words as it is compared: "Thumbs-Down" is thumbs_down."""
    return _JOINTS.sub("_", _TINTS.sub("", str(value).strip().lower()))


def whole(name: str, value: Any) -> int | None:
    """A whole number of at most 63 bits, also written as a text; None stays None."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return value
    found = number(name, value)
    if found is not None and (found != int(found) or abs(found) >= 1 << 63):
        raise Broken(f"{name}_is_whole", f"{name} is no whole number", value)
    return None if found is None else int(found)


def number(name: str, value: Any) -> float | None:
    """A finite number, or a text that is one; None stays None."""
    if value is None:
        return None
    try:
        found = math.nan if isinstance(value, bool | list | dict) else float(value)
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise Broken(f"{name}_is_a_number", f"{name} is no number", value)
    return found


def messages(name: str, value: Any, read: Read = plain) -> tuple[Message, ...]:
    """Messages of a role and a text; a bare text is one of the user's.

    Texts alone are turns of user and assistant, the last one the assistant's; pairs of texts are
    a question and its answer each. `read` makes a text of a message's content.
    """
    parsed = structure(value)
    if isinstance(parsed, str):
        return ({"role": "user", "content": parsed},) if parsed else ()
    if isinstance(parsed, list) and parsed:
        if all(isinstance(one, str) for one in parsed):
            return _turns(parsed)
        if all(map(_is_pair, parsed)):
            return _turns([text for pair in parsed for text in pair])
    return tuple(_each(name, parsed, lambda one: _message(name, one, read)))


def passages(value: Any) -> tuple[Passage, ...]:
    """Passages of a chunk id and a text. A bare text is named by its hash."""
    parsed = structure(value)
    return tuple(_each("context", [parsed] if isinstance(parsed, str) else parsed, _passage))


def structure(value: Any) -> Any:
    """A list or an object that was written as JSON text, which flat tables do, as what it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json_safe({"": json.loads(value)})[""]
        except (ValueError, RecursionError):
            return value
    return value


def _each(name: str, value: Any, read: Callable[[Any], T]) -> Sequence[T]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise Broken(f"{name}_is_a_list", f"{name} is a {type(value).__name__}, no list", value)
    return [read(one) for one in value]


def _turns(texts: list[Any]) -> tuple[Message, ...]:
    """Texts in turn, the last one the assistant's; what is empty or nothing is no message."""
    roles = [("assistant", "user")[(len(texts) - at) % 2 == 0] for at in range(len(texts))]
    return tuple(
        {"role": role, "content": said} for role, said in zip(roles, texts, strict=True) if said
    )


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(said is None or isinstance(said, str) for said in value)
        and value[0] not in ROLES
    )


def _message(name: str, value: Any, read: Read) -> Message:
    role, content = role_and_content(value)
    if role is None:
        raise Broken(
            f"{name}_holds_messages",
            f'{name} holds what has no role and content: write [{{"role": "user", "content": '
            '"..."}, {"role": "assistant", "content": "..."}]',
            value,
        )
    text = read(content)
    if read is plain and role == "assistant":
        text = answer_and_thoughts(text)[0]
    return {"role": role, "content": text}


def role_and_content(value: Any) -> tuple[str | None, Any]:
    """Who said a message, and its content: also as LangChain and ShareGPT write them.

    The role is None where it is no message.
    """
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        return ROLES.get(value[0]), value[1]
    if not isinstance(value, Mapping):
        return None, None
    if isinstance(value.get("role"), str):
        return value["role"], value["parts"] if "parts" in value else value.get("content")
    inner = value.get("kwargs") or value.get("data")
    inner = inner if isinstance(inner, Mapping) else value
    kind = inner.get("type") or value.get("type") or value.get("from")
    if kind == "constructor" and isinstance(value.get("id"), list):  # of LangChain
        kind = str(value["id"][-1]).removesuffix("Chunk").removesuffix("Message").lower()
    content = next((inner[key] for key in ("content", "value") if key in inner), None)
    return ROLES.get(str(kind)), content


def _passage(value: Any) -> Passage:
    if isinstance(value, str):
        return Passage(f"text-{sha256_text(value)[:16]}", value)
    if isinstance(value, Mapping):
        said = next((value[key] for key in _TEXTS if value.get(key) is not None), "")
        name = next((value[key] for key in _IDS if value.get(key) is not None), None)
        if isinstance(said, str):
            return Passage(text("chunk_id", name) or f"text-{sha256_text(said)[:16]}", said)
    raise Broken("context_holds_passages", "context holds what has no chunk_id and text", value)

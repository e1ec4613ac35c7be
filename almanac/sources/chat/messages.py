"""A message of any chat, and how messages become documents: one a thread, one a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas.documents import Access

_TITLE = 80  # characters


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `thread` is the id of the message that it answers to, its own for the first."""

    channel: str
    message_id: str
    time: float  # seconds since 1970
    author: str
    text: str
    thread: str = ""
    files: tuple[str, ...] = ()


@dataclass(slots=True)
class Export:
    """What an export holds. `broken` names files that can't be read; their messages are unknown."""

    messages: list[Message] = field(default_factory=list)
    access: dict[str, Access] = field(default_factory=dict)  # by channel, where only some may see
    broken: dict[str, str] = field(default_factory=dict)
    left_out: int = 0  # notices that somebody joined, and the like


@dataclass(frozen=True, slots=True)
class Conversation:
    """One document: `doc_id` is channel/day, or channel/thread/id."""

    doc_id: str
    channel: str
    title: str
    text: str
    lost: dict[str, int]


def conversations(messages: Iterable[Message]) -> list[Conversation]:
    """The documents of all messages, by id; days are those of UTC."""
    groups: dict[str, list[Message]] = {}
    for message in messages:
        groups.setdefault(_group(message), []).append(message)
    return [_conversation(doc_id, group) for doc_id, group in sorted(groups.items())]


def _group(message: Message) -> str:
    if message.thread:
        return f"{_safe(message.channel)}/thread/{_safe(message.thread)}"
    return f"{_safe(message.channel)}/{_moment(message):%Y-%m-%d}"


def _conversation(doc_id: str, group: list[Message]) -> Conversation:
    ordered = sorted(group, key=lambda one: (one.time, one.message_id))
    first = ordered[0]
    lost = Counter({"files": sum(len(one.files) for one in ordered)})
    title = f"{first.channel}, {_moment(first):%Y-%m-%d}"
    if first.thread and first.text.strip():
        line = " ".join(first.text.split())
        title = f"{first.channel}: {line if len(line) <= _TITLE else line[:_TITLE] + '…'}"
    text = "\n\n".join(_shown(one, bool(first.thread)) for one in ordered)
    return Conversation(doc_id, first.channel, title, f"{text}\n", dict(lost))


def _shown(message: Message, with_day: bool) -> str:
    form = "%Y-%m-%d %H:%M" if with_day else "%H:%M"
    files = [f"[file: {name}]" for name in message.files]
    body = "\n".join(filter(None, [message.text.strip(), *files]))
    return f"**{message.author or 'unknown'}**, {_moment(message):{form}}\n\n{body}"


def _moment(message: Message) -> datetime:
    return datetime.fromtimestamp(message.time, UTC)


def _safe(name: str) -> str:
    return name.strip().replace("/", "_").replace("#", "_") or "unnamed"

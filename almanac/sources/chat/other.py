"""Exports of Telegram, of Teams, and any list of messages as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from almanac.sources.chat.messages import Export, Message
from almanac.sources.markup import html_to_markdown
from schemas.errors import ConfigError
from schemas.times import parse_when

TEAMS = {
    "id": "id",
    "time": "createdDateTime",
    "author": "from.user.displayName",
    "text": "body.content",
    "channel": "channelIdentity.channelId",
    "thread": "replyToId",
}
GENERIC = {name: name for name in TEAMS}


def is_telegram(found: Any) -> bool:
    """Whether the JSON is Telegram's: one chat, or all of them."""
    if not isinstance(found, Mapping):
        return False
    chats = found.get("chats")
    return "list" in chats if isinstance(chats, Mapping) else _is_chat(found)


def _is_chat(found: Mapping[str, Any]) -> bool:
    messages = found.get("messages")
    return isinstance(messages, list) and "type" in found and "id" in found


def read_telegram(found: Mapping[str, Any]) -> Export:
    """The messages of every chat in the file."""
    export = Export()
    for chat in found["chats"]["list"] if "chats" in found else [found]:
        channel = str(chat.get("name") or chat["id"])
        for raw in chat.get("messages", ()):
            if raw.get("type") != "message":
                export.left_out += 1
                continue
            files = [raw[kind] for kind in ("file", "photo") if isinstance(raw.get(kind), str)]
            names = tuple(file.rpartition("/")[2] for file in files)
            text = _telegram_text(raw.get("text", ""))
            author = str(raw.get("from") or raw.get("actor") or "")
            time = _telegram_time(raw)
            export.messages.append(
                Message(channel, str(raw["id"]).zfill(12), time, author, text, "", names)
            )
    return export


def _telegram_time(raw: Mapping[str, Any]) -> float:
    if "date_unixtime" in raw:
        return float(raw["date_unixtime"])
    return datetime.fromisoformat(str(raw["date"])).replace(tzinfo=UTC).timestamp()


def _telegram_text(text: Any) -> str:
    if isinstance(text, str):
        return text
    return "".join(_telegram_part(part) for part in text)


def _telegram_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text, kind = str(part.get("text", "")), part.get("type")
    if kind == "text_link":
        return f"[{text}]({part.get('href', '')})"
    if kind == "pre":
        return f"\n```{part.get('language', '')}\n{text}\n```\n"
    return f"`{text}`" if kind == "code" else text


def read_list(found: Any, fields: Mapping[str, str]) -> Export:
    """The messages of a list, or of a list under `value` or `messages`; Teams' are told by look.

    Raises:
        ConfigError: there is no such list, or its messages lack the fields.
    """
    rows = found
    if isinstance(found, Mapping):
        rows = found.get("value", found.get("messages"))
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ConfigError("the chat is no export of Slack or Telegram, and no list of messages")
    is_teams = any("createdDateTime" in row for row in rows)
    named = {**(TEAMS if is_teams else GENERIC), **fields}
    export = Export()
    answered = {str(_at(row, named["thread"])) for row in rows if _at(row, named["thread"])}
    for row in rows:
        if row.get("deletedDateTime") or row.get("messageType", "message") != "message":
            export.left_out += 1
            continue
        export.messages.append(_message(row, named, answered))
    return export


def _message(row: Mapping[str, Any], named: Mapping[str, str], answered: set[str]) -> Message:
    values = {name: _at(row, path) for name, path in named.items()}
    for name in ("id", "time", "text"):
        if values[name] is None:
            raise ConfigError(
                f"a message has no {named[name]!r}: name the field of its {name} in fields.{name}"
            )
    text = str(values["text"])
    if _at(row, "body.contentType") == "html":
        text, _ = html_to_markdown(text)
    message_id = str(values["id"])
    thread = str(values["thread"] or (message_id if message_id in answered else ""))
    files = tuple(str(one.get("name") or "unnamed") for one in row.get("attachments") or ())
    channel = str(values["channel"] or "chat")
    author = str(values["author"] or "")
    return Message(channel, message_id, _time(values["time"]), author, text, thread, files)


def _time(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return parse_when(str(value)).timestamp()
    return number / 1000 if number > 1e11 else number


def _at(row: Mapping[str, Any], path: str) -> Any:
    """The value at a path such as from.user.displayName; None where there is none."""
    value: Any = row
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value

"""Slack's export: a ZIP file or its folder, with a folder of days for each channel."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from almanac.sources.chat.messages import Export, Message
from schemas.documents import Access
from schemas.sections.access import checked_principals

# Lists of channels, and whether only their members may see them.
_CHANNELS = {"channels.json": False, "groups.json": True, "mpims.json": True, "dms.json": True}
_NOTICES = re.compile(
    r"(?:channel|group)_(?:join|leave|topic|purpose|name|archive|unarchive|convert.*|posting.*)"
    r"|bot_(?:add|remove)|tombstone|huddle_thread|reminder_add|pinned_item"
)
_MARK = re.compile(r"<([@#!])?([^<>|]*)(?:\|([^<>]*))?>")
Load = Callable[[str], Any]  # parsed JSON of a member; raises ValueError


def is_slack(names: list[str]) -> bool:
    """Whether these are the files of such an export."""
    return any(name in _CHANNELS for name in names)


def read_slack(names: list[str], load: Load) -> Export:
    """All messages. A file of a day that can't be read is named; those of other days are there.

    Raises:
        ValueError: a list of users or channels can't be read. Without it every message would have
            another author, and be another document, until the next export.
    """
    export = Export()
    users = {str(one["id"]): one for one in _list(export, names, load, "users.json")}
    channels = list(_channels(export, names, load))
    for name, reason in export.broken.items():
        raise ValueError(f"{name}: {reason}")
    called = {str(one["id"]): _name(one) for one, _ in channels}
    for channel, is_private in channels:
        folder = str(channel.get("name") or channel["id"])
        if is_private:
            export.access[called[str(channel["id"])]] = _members(channel, users)
        for name in (one for one in names if one.startswith(f"{folder}/")):
            for raw in _list(export, names, load, name):
                if message := _message(raw, _name(channel), users, called):
                    export.messages.append(message)
                else:
                    export.left_out += 1
    return export


def _channels(export: Export, names: list[str], load: Load) -> Iterator[tuple[Any, bool]]:
    for file, is_private in _CHANNELS.items():
        for channel in _list(export, names, load, file):
            yield channel, is_private


def _list(export: Export, names: list[str], load: Load, name: str) -> list[dict[str, Any]]:
    if name not in names:
        return []
    try:
        found = load(name)
    except ValueError as error:
        export.broken[name] = f"it is no valid JSON: {error}"
        return []
    if not isinstance(found, list):
        export.broken[name] = "it is no list"
        return []
    return [one for one in found if isinstance(one, dict)]


def _name(channel: Mapping[str, Any]) -> str:
    return str(channel.get("name") or channel["id"])


def _members(channel: Mapping[str, Any], users: Mapping[str, Any]) -> Access:
    members = [_principal(str(one), users) for one in channel.get("members", ())]
    return Access(checked_principals(members), "connector")


def _principal(user_id: str, users: Mapping[str, Any]) -> str:
    address = users.get(user_id, {}).get("profile", {}).get("email")
    return f"user:{address or user_id}"


def _message(
    raw: Mapping[str, Any], channel: str, users: Mapping[str, Any], called: Mapping[str, str]
) -> Message | None:
    if raw.get("type") != "message" or _NOTICES.fullmatch(str(raw.get("subtype", ""))):
        return None
    author = _called(str(raw.get("user", "")), users) or str(raw.get("username", ""))
    files = [one for one in raw.get("files") or () if isinstance(one, Mapping)]
    text = _text(str(raw.get("text", "")), users, called)
    for attachment in raw.get("attachments") or ():
        more = str(attachment.get("text") or attachment.get("fallback") or "")
        text = "\n\n".join(filter(None, [text, _text(more, users, called)]))
    return Message(
        channel,
        str(raw["ts"]),
        float(raw["ts"]),
        author,
        text,
        str(raw.get("thread_ts") or ""),
        tuple(str(one.get("name") or "unnamed") for one in files),
    )


def _called(user_id: str, users: Mapping[str, Any]) -> str:
    user = users.get(user_id, {})
    profile = user.get("profile", {})
    return str(profile.get("real_name") or user.get("real_name") or user.get("name") or user_id)


def _text(text: str, users: Mapping[str, Any], called: Mapping[str, str]) -> str:
    """Slack's marks as Markdown: mentions by name, links with their words."""

    def plain(mark: re.Match[str]) -> str:
        kind, target, words = mark.groups()
        if kind == "@":
            return f"@{words or _called(target, users)}"
        if kind == "#":
            return f"#{words or called.get(target, target)}"
        if kind == "!":
            return f"@{words or target.partition('^')[0]}"
        return f"[{words}]({target})" if words and words != target else target

    return html.unescape(_MARK.sub(plain, text))

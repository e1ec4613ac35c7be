"""OpenInference's attributes (Phoenix, Arize): messages in flat numbered names, or in lists.

After https://github.com/Arize-ai/openinference, its semantic conventions: names as
`llm.input_messages.0.message.contents.1.message_content.text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.feedback.fields import structure

_DEEPEST = 16
_MOST = 10_000  # of a list's elements that are read


def is_message(name: str) -> bool:
    """Does an attribute hold messages?"""
    return name.startswith(("llm.input_messages", "llm.output_messages"))


def messages(attributes: Mapping[str, Any], side: str) -> list[dict[str, Any]]:
    """The messages of `side` (input or output), with a role and a content or parts each."""
    found = nested(attributes, f"llm.{side}_messages")
    return [_message(one) for one in found if isinstance(one, Mapping)] if found else []


def nested(attributes: Mapping[str, Any], name: str) -> list[Any]:
    """A list that stands under `name` as it is, as JSON text, or in numbered attributes."""
    whole = structure(attributes.get(name))
    if isinstance(whole, list):
        return [_unpacked(one) for one in whole]
    below = {
        key[len(name) + 1 :]: value
        for key, value in attributes.items()
        if key.startswith(f"{name}.")
    }
    found = _unpacked(below) if below else []
    return found if isinstance(found, list) else []


def flat(value: Any, name: str = "", depth: int = 0) -> dict[str, Any]:
    """Nested objects as one, with dotted names; lists of plain values and of messages stay."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return {name: value} if name else {}
    found: dict[str, Any] = {}
    for key, one in value.items():
        found |= flat(one, f"{name}.{key}" if name else str(key), depth + 1)
    return found


def _unpacked(value: Any) -> Any:
    """An object with dotted names as nested ones; those of numbers alone are lists."""
    if not isinstance(value, Mapping):
        return value
    inner: dict[str, Any] = {}
    for name, one in value.items():
        head, _, tail = str(name).partition(".")
        if tail:
            below = inner.setdefault(head, {})
            if isinstance(below, dict):
                below[tail] = one
        else:
            inner[head] = one
    made = {name: _unpacked(one) for name, one in inner.items()}
    if made and all(name.isdecimal() for name in made):
        return [made[name] for name in sorted(made, key=int)[:_MOST]]
    return made


def _message(value: Mapping[str, Any]) -> dict[str, Any]:
    inner = value.get("message", value)
    inner = inner if isinstance(inner, Mapping) else {}
    content = inner.get("contents")
    parts = [_part(_unpacked(one)) for one in content] if isinstance(content, list) else None
    known: dict[str, Any] = {"content": parts or inner.get("content")}
    if inner.get("role"):
        known["role"] = inner["role"]
    return known | ({"tool_calls": inner["tool_calls"]} if inner.get("tool_calls") else {})


def _part(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    inner = value.get("message_content", value)
    if isinstance(inner, Mapping) and "image" in inner and "type" not in inner:
        return dict(inner) | {"type": "image"}
    return inner

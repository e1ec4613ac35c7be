"""What the prompts of judges share: texts between tags, and a verdict read from a reply."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.feedback import Message

TOLD = 300  # characters of a reason that are kept


def messages(system: str, user: str, parts: Mapping[str, str]) -> list[Message]:
    """The prompt, with each part at its place in `user`."""
    # A text that closes its own tag could speak as the prompt does.
    inside = {name: text.replace("</", "< /") for name, text in parts.items()}
    return [
        {"role": "system", "content": system},
        {"role": "user", "content": user.format(**inside)},
    ]


def joined(context: Sequence[str]) -> str:
    """The passages as one part."""
    return "\n---\n".join(context) or "(none)"


def verdicts(reply: str) -> Iterator[tuple[Any, str]]:
    """The verdict and the reason of each JSON object in a reply, the last one first."""
    for at in reversed([found.start() for found in re.finditer(r"\{", reply)]):
        try:
            value, _ = json.JSONDecoder().raw_decode(reply, at)
        except (ValueError, RecursionError):  # a model that got stuck opens brackets without end
            continue
        reason = storable(str(value.get("reason", "")))
        yield value.get("verdict"), " ".join(reason.split())[:TOLD]


def unreadable(reply: str) -> str:
    """The reason where a reply has no verdict."""
    return f"the judge's answer can't be read: {' '.join(storable(reply).split())[:TOLD]}"


def storable(text: str) -> str:
    """The text without halves of surrogate pairs, which are no characters, and NUL."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")

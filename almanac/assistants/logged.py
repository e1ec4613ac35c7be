"""A logged request as a template sees it: its passages, and the words of a refusal."""

from __future__ import annotations

import re
from typing import Any

from almanac.assistants.template import Prompt
from schemas.feedback import Message, Request

_CYRILLIC = re.compile(r"[а-яё]", re.I)
_LETTER = re.compile(r"[^\W\d_]")
_REFUSALS = {"en": "I don't know.", "ru": "Я не знаю."}


def language(text: str) -> str:
    """ru for a text of which most letters are Cyrillic, else en."""
    letters = len(_LETTER.findall(text))
    return "ru" if len(_CYRILLIC.findall(text)) * 2 > letters else "en"


def refusal_in(text: str) -> str:
    """What is said where nothing supports an answer, in the language of a question."""
    return _REFUSALS[language(text)]


def logged_passages(request: Request) -> list[dict[str, Any]]:
    """The passages that a request was answered from; where the log says no more, their texts."""
    told = {one.get("chunk_id"): one for one in request.details.get("citations", ())}
    names = ("source", "doc_id", "heading", "title")
    return [
        {name: str(told.get(one.chunk_id, {}).get(name) or "") for name in names}
        | {"n": number, "text": one.text}
        for number, one in enumerate(request.context, 1)
    ]


def rendered(prompt: Prompt, request: Request) -> tuple[Message, ...]:
    """The messages that a prompt makes of a logged request, as a model would be asked with them.

    Roles are those that every chat template of a model knows.

    Raises:
        ConfigError: the template fails on it, or a variable has no default.
    """
    refusal = refusal_in(request.question)
    history = [one for one in request.history if one.get("role") in ("user", "assistant")]
    messages = prompt.render(request.question, logged_passages(request), refusal, history)
    return tuple(
        one | {"role": "system"} if one["role"] == "developer" else one for one in messages
    )

"""The fields of a logged request as its user saw them: the question asked, the answer shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.core.thoughts import answer_and_thoughts
from almanac.feedback.contents import media_types, plain, thoughts_in, without_files
from almanac.feedback.fields import messages, role_and_content, structure

ASKERS = ("user", "human")
_SPEAKERS = (*ASKERS, "assistant")
_OF_AN_ANSWER = {"content", "parts", "text", "kwargs", "data", "value"}


def as_shown(said: dict[str, Any], details: dict[str, Any]) -> None:
    """Bring the fields of a row, by name, to what a person saw, in place.

    The response loses the model's thoughts, which go to `details`; a missing question becomes the
    user's last words in the prompt; the types of files in messages are noted in `details`.
    """
    _shown_answer(said, details)
    _shown_question(said)
    types = [
        one for name in ("history", "prompt") for one in media_types(structure(said.get(name)))
    ]
    if types:
        details.setdefault("files", list(dict.fromkeys(types)))


def answer_text(value: Any) -> Any:
    """A text without thoughts and files; anything else as it is."""
    return without_files(answer_and_thoughts(value)[0]) if isinstance(value, str) else value


def answer_of(value: Any) -> str | None:
    """The text of a response that is a message, several, or parts; None where it has none."""
    found = _answers(value)
    return "\n".join(filter(None, map(_content, found))) if found else None


def _shown_answer(said: dict[str, Any], details: dict[str, Any]) -> None:
    response = said["response"]
    thoughts = []
    if isinstance(response, list | dict):
        thoughts = [thoughts_in(one) for one in _answers(response)]
        response = answer_of(response)
        if response is None:
            return  # refused by its type
    if isinstance(response, str):
        response, own = answer_and_thoughts(response)
        thoughts.append(own)
        said["response"] = without_files(response)
    if text := "\n\n".join(filter(None, thoughts)):
        details.setdefault("thoughts", text)


def _content(message: Any) -> str:
    role, content = role_and_content(message)
    return plain(content if role else message)


def _answers(value: Any) -> list[Any]:
    """The message of a response: of a completion its first choice, of several the last one."""
    if isinstance(value, dict):
        choices = value.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            return _answers(choices[0].get("message", choices[0]))
        return [value] if _OF_AN_ANSWER & value.keys() else []
    if not isinstance(value, list) or not value:
        return []
    if all(isinstance(one, dict) and role_and_content(one)[0] for one in value):
        return value[-1:]
    return [value] if all(isinstance(one, dict | str) for one in value) else []


def _shown_question(said: dict[str, Any]) -> None:
    question = said.get("question")
    if isinstance(question, str):
        said["question"] = without_files(question)
        return
    if _are_messages(question):
        said["prompt"] = question if said.get("prompt") is None else said["prompt"]
        asked = messages("question", question)
    elif question is None:
        asked = messages("prompt", said.get("prompt"))
    else:
        return  # refused by its type
    last = max((at for at, one in enumerate(asked) if one["role"] in ASKERS), default=None)
    said["question"] = None if last is None else asked[last]["content"]
    if said.get("history") is None and last is not None:
        said["history"] = [dict(one) for one in asked[:last] if one["role"] in _SPEAKERS]


def _are_messages(value: Any) -> bool:
    some = value if isinstance(value, list) else [value]
    return any(isinstance(one, Mapping | list) and role_and_content(one)[0] for one in some)

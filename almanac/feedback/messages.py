"""The messages of a GenAI span, in the spelling of whichever year it was written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from almanac.core.thoughts import answer_and_thoughts
from almanac.feedback import openinference
from almanac.feedback.contents import media_types, plain, thoughts_in
from almanac.feedback.fields import Read, structure
from almanac.feedback.otlp import Attributes, Event

Message = dict[str, str]
_NUMBERED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,6})\.(role|content)")
_OF_A_MESSAGE = re.compile(r"gen_ai\.(prompt|completion)\.\d")
# Span events until version 1.36 of the conventions; `gen_ai.content.*` are older still.
_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_INPUTS, _OUTPUTS = (
    ("gen_ai.input.messages", "gen_ai.prompt"),
    ("gen_ai.output.messages", "gen_ai.completion"),
)
DETAILS = "gen_ai.client.inference.operation.details"
_TOOL_CALLS = ("tool_call", "tool_calls", "function_call")


def inputs(attributes: Attributes, events: Iterable[Event], read: Read = plain) -> list[Message]:
    """What the model was given, in its order."""
    system = structure(attributes.get("gen_ai.system_instructions"))
    first = [{"role": "system", "content": read(system)}] if system else []
    if found := _first(attributes, _INPUTS):
        return first + _messages(found, "user", read)
    if numbered := _numbered(attributes, "prompt", read):
        return first + numbered
    if traced := openinference.messages(attributes, "input"):
        return first + _messages(traced, "user", read)
    return first + [message for event in events for message in _of_event(event, read)]


def outputs(attributes: Attributes, events: Iterable[Event], read: Read = plain) -> list[Message]:
    """What it answered, a message a choice."""
    if found := _first(attributes, _OUTPUTS):
        return _messages(found, "assistant", read)
    if numbered := _numbered(attributes, "completion", read):
        return numbered
    if traced := openinference.messages(attributes, "output"):
        return _messages(traced, "assistant", read)
    return [message for event in events for message in _of_choice(event, read)]


def unseen(attributes: Attributes, events: Iterable[Event]) -> dict[str, Any]:
    """What of the messages nobody saw as text: the answer's thoughts, and the types of files."""
    given = _first(attributes, _INPUTS) or openinference.messages(attributes, "input")
    answers = _first(attributes, _OUTPUTS) or openinference.messages(attributes, "output")
    if not answers:
        answers = [
            structure(event.attributes.get("message")) or event.attributes
            for event in events
            if event.name == "gen_ai.choice"
        ]
    first = answers[0] if isinstance(answers, list) and answers else answers
    known = {"thoughts": thoughts_in(first), "files": media_types(given)}
    return {name: value for name, value in known.items() if value}


def calls_a_tool(attributes: Attributes, events: Iterable[Event]) -> bool:
    """Is the output a step on the way to an answer, not one?"""
    if any(".tool_calls." in name for name in attributes if name.startswith("gen_ai.completion.")):
        return True
    said = [_first(attributes, _OUTPUTS)]
    said += [
        structure(event.attributes.get("message")) or event.attributes
        for event in events
        if event.name == "gen_ai.choice"
    ]
    return any(_has_call(one) for one in said)


def is_content(name: str) -> bool:
    """Does an attribute hold messages, which a request has as fields?"""
    names = (*_INPUTS, *_OUTPUTS, "gen_ai.system_instructions")
    return name in names or _OF_A_MESSAGE.match(name) is not None or openinference.is_message(name)


def _first(attributes: Attributes, names: Iterable[str]) -> Any:
    return next((structure(attributes[name]) for name in names if attributes.get(name)), None)


def _has_call(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_call, value))
    if not isinstance(value, Mapping):
        return False
    return (
        value.get("type") in _TOOL_CALLS
        or any(value.get(name) for name in _TOOL_CALLS)
        or _has_call(value.get("parts"))
    )


def _numbered(attributes: Attributes, kind: str, read: Read) -> list[Message]:
    """Attributes `gen_ai.prompt.N.role` and `.content` as messages."""
    found: dict[int, Message] = {}
    default = "user" if kind == "prompt" else "assistant"
    for name, value in attributes.items():
        match = _NUMBERED.fullmatch(name)
        if match and match[1] == kind:
            message = found.setdefault(int(match[2]), {"role": default, "content": ""})
            message[match[3]] = read(structure(value))
    return [found[at] for at in sorted(found)]


def _of_event(event: Event, read: Read) -> list[Message]:
    if role := _ROLES.get(event.name):
        return _messages([event.attributes], role, read)
    if event.name == "gen_ai.content.prompt":
        return _messages(structure(event.attributes.get("gen_ai.prompt")), "user", read)
    return []


def _of_choice(event: Event, read: Read) -> list[Message]:
    if event.name == "gen_ai.choice":
        said = structure(event.attributes.get("message"))
        return _messages([event.attributes if said is None else said], "assistant", read)
    if event.name == "gen_ai.content.completion":
        return _messages(structure(event.attributes.get("gen_ai.completion")), "assistant", read)
    return []


def _messages(value: Any, role: str, read: Read) -> list[Message]:
    """A text, one message or several, each with a role and with `parts` or a `content`."""
    found = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Mapping):
            content = one.get("parts") or one.get("content")
            found.append(_message(str(one.get("role") or role), read(content), read))
        elif isinstance(one, str):
            found.append(_message(role, one, read))
    return found


def _message(role: str, text: str, read: Read) -> Message:
    """A message; of the assistant's words what its reader saw, unless all is to be read."""
    seen = answer_and_thoughts(text)[0] if role == "assistant" and read is plain else text
    return {"role": role, "content": seen}

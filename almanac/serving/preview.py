"""A prompt before it answers anybody: the messages of a stored request, or of a question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from almanac.assistants import prompts
from almanac.assistants.files import read_prompt
from almanac.assistants.logged import logged_passages
from almanac.assistants.template import Prompt
from almanac.llm.usage import tokens
from almanac.serving.asking import Ask
from almanac.serving.assistants import Assistant
from almanac.serving.budget import newest_within, within
from almanac.serving.service import Service
from schemas.errors import ConfigError
from schemas.feedback import Message, Request
from schemas.settings import Settings


def preview(
    settings: Settings,
    wanted: str,
    request_id: str | None,
    question: str | None,
    name: str | None,
) -> dict[str, Any]:
    """Render a prompt as a model would get it; no model is asked, and nothing is logged.

    Args:
        settings: the configuration.
        wanted: a file, or a stored prompt as `prompts.find` takes it.
        request_id: a stored request, whose question, passages and earlier messages are taken.
        question: instead of a request; its passages are looked for now.
        name: of the assistant whose passages, budget and variables are used; the request's own, or
            the first one, unless given.

    Raises:
        AlmanacError: there is no such prompt, request or assistant, or the prompt is wrong.
    """
    service = Service(settings, models=False)
    try:
        prompt, label = _prompt(service, wanted)
        request = service.request(request_id) if request_id else None
        chosen = name or (request.assistant if request else None)
        assistant = service.assistant(chosen if chosen in service.assistants else name)
        if request:
            asked, passages, history = request.question, _logged(request), request.history
        else:
            asked = str(question)
            passages, history = asyncio.run(_found(service, assistant, asked)), ()
        names = prompt.schema.names
        variables = {key: one for key, one in assistant.settings.variables.items() if key in names}
        messages = prompt.render(
            asked,
            passages,
            assistant.refusal_for(asked),
            newest_within(history, assistant.settings.max_history_tokens),
            variables,
        )
    finally:
        service.close()
    return {
        "prompt": label,
        "prompt_id": prompt.prompt_id,
        "question": asked,
        "passages": len(passages),
        "messages": messages,
        "tokens": sum(tokens(one["content"]) for one in messages),
        "as_logged": request is not None and tuple(messages) == request.prompt,
    }


def _prompt(service: Service, wanted: str) -> tuple[Prompt, str]:
    if wanted.endswith(".j2") or Path(wanted).is_file():
        return read_prompt(Path(wanted)), wanted
    stored = prompts.find(service.lake, wanted)
    return Prompt.of(stored.content, stored.label), stored.label


def _logged(request: Request) -> list[dict[str, Any]]:
    if not request.context:
        raise ConfigError(f"request {request.request_id} has no passages: give --question instead")
    return logged_passages(request)


async def _found(service: Service, assistant: Assistant, question: str) -> list[dict[str, Any]]:
    messages: Sequence[Message] = ({"role": "user", "content": question},)
    ask = Ask(assistant, tuple(messages), "preview", when=assistant.when(None))
    _, passages = await service.answering.retrieve(ask)
    kept = within(passages, assistant.settings.max_context_tokens)
    return [one.for_prompt() for one in kept]

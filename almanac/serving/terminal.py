"""One question from the terminal, answered as the server answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from almanac.serving.asking import Ask, Begun, Ended, Event, Text
from almanac.serving.replay import replay as run_replay
from almanac.serving.service import Service
from almanac.serving.shapes import about, is_blank
from almanac.serving.who import PUBLIC
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import When, isoformat


def ask(
    settings: Settings,
    question: str,
    when: When | None,
    assistant: str | None,
    user: str,
    on_text: Callable[[str], None],
) -> dict[str, Any]:
    """Answer a question and log it; the answer with what made it.

    Args:
        on_text: is told words as they come.

    Raises:
        AlmanacError: no release or no model can answer, no such assistant is configured, or the
            question is blank.
    """
    if is_blank(question):
        raise AlmanacError("the question is blank: write what you want to know")
    service = Service(settings)
    try:
        if assistant is not None and assistant not in service.assistants:
            known = ", ".join(service.assistants)
            raise AlmanacError(f"there is no assistant {assistant!r}, only: {known}")
        chosen = service.assistant(assistant)
        is_now, when = when is None, chosen.when(when)
        messages = ({"role": "user", "content": question},)
        asked = Ask(chosen, messages, user, when=when, may_be_cached=is_now)
        events = asyncio.run(_events(service, asked, on_text))
        begun, ended = events[0], events[-1]
        assert isinstance(begun, Begun) and isinstance(ended, Ended)
        return about(chosen, begun) | {
            "question": question,
            "answer": ended.request.response,
            "status": ended.request.status,
            "citations": ended.citations,
            "as_of": isoformat(begun.as_of),
            "seconds": round((ended.request.latency_ms or 0) / 1000, 2),
        }
    finally:
        service.close()


def replay(settings: Settings, request_id: str, release: int | None, now: bool) -> dict[str, Any]:
    """A logged request again; see `almanac.serving.replay.replay`. The models start for `now`."""
    service = Service(settings, models=now)
    try:
        return asyncio.run(run_replay(service, PUBLIC, request_id, release, now))
    finally:
        service.close()


async def _events(service: Service, asked: Ask, on_text: Callable[[str], None]) -> list[Event]:
    events: list[Event] = []
    _, answering = await service.answer(asked, None)
    async for event in answering:
        if isinstance(event, Text):
            on_text(event.text)
        events.append(event)
    await asked.assistant.close()
    return events

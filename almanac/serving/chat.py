"""`POST /v1/chat/completions`: one question, answered whole or as a stream."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from almanac.serving import errors
from almanac.serving.asking import Ask, Begun, Ended, Event, Text
from almanac.serving.errors import Refused
from almanac.serving.service import Service
from almanac.serving.shapes import (
    ChatRequest,
    completion,
    first_chunk,
    last_chunk,
    text_chunk,
)
from almanac.serving.sse import DONE, EventStream, event, unless_gone
from almanac.serving.who import Caller
from schemas.errors import AlmanacError

_log = logging.getLogger("almanac.serving")
_AGAIN_SECONDS = 2
_CLIENT_LEFT = 499  # nobody reads it


async def answer(
    service: Service, request: Request, asked: ChatRequest, caller: Caller
) -> Response:
    """The answer to a chat request.

    Raises:
        Refused: the model is not known, or too many answers are under way.
        AlmanacError: no release can answer, or the model failed before the first word.
    """
    ask, live = service.rollouts.traffic.route(to_ask(service, asked, caller))
    _take_place(service)
    events: AsyncGenerator[Event] | None = None
    is_passed_on = False
    try:
        ask, events = await service.answer(ask, live)
        begun = await anext(events)
        assert isinstance(begun, Begun)
        headers = {
            "X-Request-Id": begun.request_id,
            "X-Almanac-Version": ask.assistant.short,
            "X-Almanac-Release": str(begun.release),
        }
        viewer = str(request.base_url).rstrip("/")
        if asked.stream:
            is_passed_on = True
            chunks = _stream(service, ask, begun, events, viewer)
            return EventStream(chunks, headers, lambda: _end(service, events))
        rest = await unless_gone(request, events)
        if rest is None:
            return Response(status_code=_CLIENT_LEFT)
        ended = rest[-1]
        assert isinstance(ended, Ended)
        return JSONResponse(completion(ask.assistant, begun, ended, viewer), headers=headers)
    finally:
        if not is_passed_on:
            await _end(service, events)


def to_ask(service: Service, asked: ChatRequest, caller: Caller) -> Ask:
    """A chat request as the chain takes it. Raises Refused for an unknown model."""
    assistant = service.assistant(asked.model)
    return Ask(
        assistant=assistant,
        messages=asked.conversation(),
        user_id=caller.named(asked.user),
        caller=caller,
        filters=asked.almanac.filters,
        session_id=asked.session_id,
        when=assistant.when(asked.almanac.when),
        k=asked.almanac.k,
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        temperature=asked.temperature,
        has_tools=bool(asked.tools),
        may_be_cached=asked.almanac.when is None and not asked.almanac.no_cache,
    )


async def _stream(
    service: Service, ask: Ask, begun: Begun, events: AsyncGenerator[Event], viewer: str
) -> AsyncGenerator[str]:
    """The answer as OpenAI's chunks; an error after the first of them is an event of its own."""
    is_first = True
    try:
        yield event(first_chunk(ask.assistant, begun))
        async for part in events:
            if isinstance(part, Text):
                yield event(text_chunk(ask.assistant, begun, part.text, is_first))
                is_first = False
            elif isinstance(part, Ended):
                yield event(last_chunk(ask.assistant, begun, part, viewer))
        yield DONE
    except AlmanacError as error:
        yield event(_counted(service, errors.of(error)[1]))
    except Exception:  # noqa: BLE001 (whatever else ends an answer)
        _log.exception("answer %s failed", begun.request_id)
        yield event(_counted(service, errors.unexpected()))


def _counted(service: Service, content: dict[str, Any]) -> dict[str, Any]:
    service.metrics.errors.labels(content["error"]["code"]).inc()
    return content


@contextmanager
def place(service: Service) -> Iterator[None]:
    """One of the answers that may be under way. Raises Refused (429) where all are taken."""
    _take_place(service)
    try:
        yield
    finally:
        _leave_place(service)


def _take_place(service: Service) -> None:
    most = service.settings.serving.max_streams
    if service.under_way >= most:
        raise Refused(
            429,
            f"{most} answers are under way: ask again in {_AGAIN_SECONDS} seconds",
            "too_many_requests",
            headers={"Retry-After": str(_AGAIN_SECONDS)},
        )
    service.under_way += 1
    service.metrics.streams.set(service.under_way)


async def _end(service: Service, events: AsyncGenerator[Event] | None) -> None:
    """Stop what is under way, which logs it, and leave its place to others."""
    _leave_place(service)
    if events:
        await events.aclose()


def _leave_place(service: Service) -> None:
    service.under_way -= 1
    service.metrics.streams.set(service.under_way)

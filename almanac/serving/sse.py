"""Server-sent events whose source is closed at once when the reader leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

DONE = "data: [DONE]\n\n"


def event(value: dict[str, Any]) -> str:
    """One event with a JSON object."""
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"


class EventStream(StreamingResponse):
    """A stream of events; its generator is closed however the response ends.

    `on_end` is awaited then in any case, also where the reader left before the first event, when
    the generator never began and so none of its own blocks runs.
    """

    def __init__(
        self,
        events: AsyncGenerator[str],
        headers: dict[str, str],
        on_end: Callable[[], Awaitable[None]],
    ) -> None:
        quiet = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=quiet | headers)
        self._events = events
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is, and close the source in any case."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await self._events.aclose()
                finally:
                    await self._on_end()


async def unless_gone(request: Request, events: AsyncIterator[Any]) -> list[Any] | None:
    """Every event of an answer that is sent whole; None where the client left meanwhile."""

    async def collect() -> list[Any]:
        return [event async for event in events]

    working = asyncio.ensure_future(collect())
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return None
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

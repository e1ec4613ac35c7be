"""Server-sent events whose source is closed at once when the reader leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Send

DONE = "data: [DONE]\n\n"


def event(value: dict[str, Any]) -> str:
    """One event with a JSON object."""
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"


class EventStream(StreamingResponse):
    """A stream of events; its generator is closed however the response ends."""

    def __init__(self, events: AsyncGenerator[str], headers: dict[str, str]) -> None:
        quiet = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=quiet | headers)
        self._events = events

    async def stream_response(self, send: Send) -> None:
        """Send what there is, and close the source in any case."""
        try:
            await super().stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._events.aclose()


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

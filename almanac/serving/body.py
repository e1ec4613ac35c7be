"""What is looked at before a route is: the host, and the body's size, depth and time.

And after it: that no cache keeps what one caller may see.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from almanac.serving import errors
from almanac.serving.hosts import is_loopback

_PRIVATE = ("/v1/", "/mcp", "/metrics")
_DEEPEST = 64  # brackets within brackets
_SPARED = re.compile(rb'"(?:[^"\\]|\\.)*"?|[^\[\]{}"]+', re.S)


class BodyLimit:
    """Middleware: passes on requests whose body is there in time, small and shallow enough."""

    def __init__(self, app: ASGIApp, most_bytes: int, seconds: float) -> None:
        self._app = app
        self._most = most_bytes
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body of an HTTP request, and answer at once where it is not acceptable."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                read = await self._read(receive)
        except TimeoutError:
            said = f"the request was not there within {self._seconds:g} seconds: send it again"
            await _refuse(scope, receive, send, 408, said, "too_slow")
            return
        if read is None:
            return  # the client is gone
        if len(read) > self._most:
            said = f"the request has more than {self._most:,} bytes: send a shorter conversation"
            await _refuse(scope, receive, send, 413, said, "too_large")
            return
        if depth(read) > _DEEPEST:
            said = f"the JSON has more than {_DEEPEST} levels of brackets: send it flatter"
            await _refuse(scope, receive, send, 400, said, "too_deep")
            return
        await self._app(scope, _again(read, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, or its beginning where it is too long; None where the client left."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._most or not message.get("more_body"):
                return b"".join(parts)


class OwnHost:
    """Middleware: answers only to this machine's own names.

    A page of another site can have its name lead to 127.0.0.1, and would read what is not its own.
    """

    def __init__(self, app: ASGIApp, applies: Callable[[], bool]) -> None:
        self._app = app
        self._applies = applies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request that is meant for another host."""
        if scope["type"] == "http" and self._applies():
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
            if not is_loopback(name.strip("[]")):
                said = f"the host {host!r} is not this machine: ask 127.0.0.1"
                await _refuse(scope, receive, send, 421, said, "wrong_host")
                return
        await self._app(scope, receive, send)


class KeptNowhere:
    """Middleware: no cache keeps what /v1, /mcp and /metrics say, as rights may be taken back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say so in the headers of the response."""
        if scope["type"] != "http" or not scope["path"].startswith(_PRIVATE):
            await self._app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Cache-Control"] = "no-store"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, marked)


def depth(text: bytes) -> int:
    """How deep brackets stand within brackets, those in strings left out."""
    level = deepest = 0
    for byte in _SPARED.sub(b"", text):
        level += 1 if byte in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _again(read: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body first, then what comes after it."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": read, "more_body": False}

    return again


async def _refuse(
    scope: Scope, receive: Receive, send: Send, status: int, said: str, code: str
) -> None:
    response = JSONResponse(
        errors.body(status, said, code), status, headers={"Connection": "close"}
    )
    await response(scope, receive, send)

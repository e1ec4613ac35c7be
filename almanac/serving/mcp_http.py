"""The tools for agents over HTTP, at /mcp of the same server (MCP's streamable HTTP)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from almanac.serving.errors import Refused
from almanac.serving.mcp_tools import tools
from almanac.serving.service import Service

PATH = "/mcp"


class Agents:
    """The tools as a part of an application, which runs it from its start to its end."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server = tools(service, None)
        # Each call stands for itself, so that workers and restarts need not know one another.
        # Which hosts may be asked for is looked at for the whole application: OwnHost.
        self._inner = self._server.streamable_http_app(
            streamable_http_path=PATH,
            stateless_http=True,
            json_response=True,
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )

    def install(self, app: FastAPI) -> None:
        """Answer at /mcp."""
        app.router.routes.append(Route(PATH, _Guarded(self._service, self._inner)))

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """What an application runs around its requests."""
        async with self._server.session_manager.run():
            yield


class _Guarded:
    """Lets in who may ask, with the rights of the key that the request brings."""

    def __init__(self, service: Service, inner: ASGIApp) -> None:
        self._service = service
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of an agent, or refuse it as every other route does."""
        headers = dict(scope["headers"])
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        try:
            self._service.door.bearer(authorization, "ask")
        except Refused as error:
            self._service.metrics.errors.labels(error.body["error"]["code"]).inc()
            await JSONResponse(error.body, error.status, headers=error.headers)(
                scope, receive, send
            )
            return
        await self._inner(scope, receive, send)

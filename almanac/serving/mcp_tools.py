"""Tools for agents, by the Model Context Protocol: search, ask, read, list releases, by date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from almanac.serving import documents
from almanac.serving.answering import in_thread
from almanac.serving.asking import Ask, Begun, Ended
from almanac.serving.errors import Refused
from almanac.serving.service import Service
from almanac.serving.shapes import about
from almanac.serving.who import Caller
from schemas.errors import AlmanacError
from schemas.times import When, isoformat, parse_as_of

P = ParamSpec("P")
T = TypeVar("T")
_ABOUT = (
    "Answers and passages from a company's documents, as they are now or as they were at any date. "
    "`as_of` takes a date (2026-03-03: its end, UTC), a time, or the number of a release; leave it "
    "out for now. Each answer names the release that it comes from."
)


def tools(service: Service, key: str | None) -> MCPServer:
    """The tools over an open service, for whom a key stands for at each call.

    Args:
        key: whose rights calls have that come with no headers, as those of standard input; over
            HTTP each request brings its own.
    """

    def let_in(context: Context) -> Caller:
        headers = _headers(context)
        if headers is None:
            return service.door.admit(key, "ask")
        return service.door.bearer(headers.get("authorization"), "ask")

    server = MCPServer("almanac", instructions=_ABOUT, log_level="WARNING")

    @server.tool()
    @_told
    async def search(
        context: Context, query: str, as_of: str | None = None, k: int = 5
    ) -> dict[str, Any]:
        """The passages of documents that say most about a query, as of a date."""
        assistant = service.assistant(None)
        caller, when = let_in(context), assistant.when(_when(as_of))
        question = ({"role": "user", "content": query},)
        count = min(max(k, 1), 50)
        asked = Ask(assistant, question, caller.named("mcp"), when=when, k=count, caller=caller)
        opened, passages = await service.answering.retrieve(asked)
        return {
            "release": opened.release.seq,
            "as_of": isoformat(opened.release.logical_time),
            "passages": [one.as_passage() for one in passages],
        }

    @server.tool()
    @_told
    async def ask(context: Context, question: str, as_of: str | None = None) -> dict[str, Any]:
        """An answer with its citations, as of a date. It is logged."""
        assistant = service.assistant(None)
        caller, when = let_in(context), assistant.when(_when(as_of))
        messages = ({"role": "user", "content": question},)
        asked = Ask(
            assistant,
            messages,
            caller.named("mcp"),
            when=when,
            caller=caller,
            may_be_cached=as_of is None,
        )
        asked, answering = await service.answer(*service.rollouts.traffic.route(asked))
        begun, ended = None, None
        async with aclosing(answering) as events:
            async for event in events:
                begun, ended = (event, ended) if isinstance(event, Begun) else (begun, event)
        assert isinstance(begun, Begun) and isinstance(ended, Ended)
        used = [one for one in ended.citations if one["used"]]
        return {
            "answer": ended.request.response,
            "status": ended.request.status,
            **about(asked.assistant, begun),
            "citations": used,
        }

    @server.tool()
    @_told
    async def open_document(
        context: Context, source: str, doc_id: str, as_of: str | None = None
    ) -> dict[str, Any]:
        """The whole text of a document, as of a date."""
        caller, when = let_in(context), _when(as_of)
        return await in_thread(lambda: documents.document(service, caller, source, doc_id, when))

    @server.tool()
    @_told
    async def list_releases(context: Context) -> dict[str, Any]:
        """The releases that `as_of` can lead to, newest first."""
        let_in(context)
        return await in_thread(lambda: documents.releases(service))

    return server


def _told(tool: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A tool whose refusals reach the agent in their own words, and its log as nothing."""

    @wraps(tool)
    async def told(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return await tool(*arguments, **named)
        except (AlmanacError, Refused) as error:
            raise ToolError(str(error)) from None

    return told


def _headers(context: Context) -> Mapping[str, str] | None:
    try:
        return context.headers
    except ValueError:  # called without any request
        return None


def _when(as_of: str | None) -> When | None:
    return parse_as_of(as_of) if as_of else None


def run_stdio(service: Service, key: str | None) -> None:
    """Serve on standard input and output until it ends.

    Raises:
        AlmanacError: there are keys, and this one is none of them.
    """
    if service.door.caller_of(key) is None:
        raise AlmanacError(
            "there are keys, so this needs one: set ALMANAC_KEY to one of `almanac keys create`"
        )
    tools(service, key).run("stdio")

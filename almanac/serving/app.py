"""The HTTP interface: routes only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse

from almanac.serving import chat, documents, errors
from almanac.serving.answering import Ask, in_thread
from almanac.serving.body import BodyLimit, OwnHost
from almanac.serving.service import Service
from almanac.serving.shapes import ChatRequest, FeedbackRequest, RetrieveRequest
from schemas.feedback import Vote
from schemas.times import When, isoformat, parse_as_of

_PAGE = Path(__file__).parent / "page"
_ANONYMOUS = "anonymous"
_SAFE = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def application(service: Service) -> FastAPI:
    """The application over an open service."""
    app = FastAPI(
        title="Almanac",
        description="Answers from dated releases of a search index, in OpenAI's form.",
        redoc_url=None,
    )
    serving = service.settings.serving
    app.add_middleware(BodyLimit, most_bytes=serving.max_body_bytes, seconds=serving.body_seconds)
    if service.is_public:  # another site's page must not reach it by a name of its own
        app.add_middleware(OwnHost)
    errors.install(app)
    _answers(app, service)
    _feedback(app, service)
    _reading(app, service)
    _health(app, service)
    _page(app)
    return app


def _answers(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions", tags=["answers"])
    async def chat_completions(request: Request, asked: ChatRequest) -> Response:
        """Answer the last message from a release, streaming or not."""
        return await chat.answer(service, request, asked, asked.user or _ANONYMOUS)

    @app.get("/v1/models", tags=["answers"])
    async def models() -> dict[str, Any]:
        """The assistants, as OpenAI lists models."""
        entries = [
            {
                "id": one.name,
                "object": "model",
                "created": 0,
                "owned_by": "almanac",
                "almanac": {"version": one.version, "model": one.chat.endpoint.model},
            }
            for one in service.assistants.values()
        ]
        return {"object": "list", "data": entries}

    @app.get("/v1/models/{name}", tags=["answers"])
    async def model(name: str) -> dict[str, Any]:
        """One assistant."""
        one = service.assistant(name)
        return {"id": one.name, "object": "model", "created": 0, "owned_by": "almanac"}

    @app.post("/v1/retrieve", tags=["answers"])
    async def retrieve(asked: RetrieveRequest) -> dict[str, Any]:
        """The passages for a question, without a model; nothing is logged."""
        assistant = service.assistant(asked.model)
        question = ({"role": "user", "content": asked.query},)
        ask = Ask(assistant, question, _ANONYMOUS, when=asked.when, k=asked.k)
        opened, passages = await service.answering.retrieve(ask)
        return {
            "release": opened.release.seq,
            "as_of": isoformat(opened.release.logical_time),
            "passages": [one.as_passage() for one in passages],
        }


def _feedback(app: FastAPI, service: Service) -> None:
    @app.post("/v1/feedback", status_code=202, tags=["feedback"])
    async def feedback(vote: FeedbackRequest) -> dict[str, Any]:
        """Store a like or a dislike, which may come with the right answer."""
        await in_thread(lambda: service.request(vote.request_id))
        stored = Vote(
            request_id=vote.request_id,
            user_id=vote.user or _ANONYMOUS,
            rated_at=datetime.now(UTC),
            rating=vote.rating,
            comment=vote.comment or None,
            correction=vote.correction or None,
        )
        await in_thread(lambda: service.journal.append_vote(stored))
        service.metrics.votes.labels("like" if vote.rating > 0 else "dislike").inc()
        return {"request_id": vote.request_id, "rating": vote.rating}

    @app.delete("/v1/feedback/{request_id}", tags=["feedback"])
    async def take_back(request_id: str, user: str = _ANONYMOUS) -> dict[str, Any]:
        """Take back what a user said of an answer."""
        await in_thread(lambda: service.request(request_id))
        await in_thread(lambda: service.journal.withdraw_vote(request_id, user))
        return {"request_id": request_id, "rating": None}


def _reading(app: FastAPI, service: Service) -> None:
    @app.get("/v1/documents/{source}/{doc_id:path}", tags=["reading"])
    async def document(source: str, doc_id: str, release: str | None = None) -> dict[str, Any]:
        """A document's text as a release has it."""
        when: When | None = parse_as_of(release) if release else None
        return await in_thread(lambda: documents.document(service, source, doc_id, when))

    @app.get("/v1/releases", tags=["reading"])
    async def releases() -> dict[str, Any]:
        """The releases that a date can lead to, newest first."""
        return await in_thread(lambda: documents.releases(service))

    @app.get("/v1/requests/{request_id}", tags=["reading"])
    async def logged(request_id: str) -> dict[str, Any]:
        """A logged request with its votes."""
        return await in_thread(lambda: documents.logged(service, request_id))


def _health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process is alive."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """Questions can be answered; 503 with the reasons where not."""
        problems = await in_thread(service.problems)
        content = {
            "status": "not ready" if problems else "ready",
            "release": service.releases.current.release.seq,
            "problems": problems,
        }
        return JSONResponse(content, 503 if problems else 200)

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Figures for Prometheus."""
        page = await in_thread(service.metrics.page)
        return Response(page, media_type="text/plain; version=0.0.4")


def _page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(_PAGE / "index.html", headers=_SAFE | {"Cache-Control": "no-cache"})

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        known = {"page.js": "text/javascript", "page.css": "text/css"}
        if name not in known:
            raise errors.Refused(404, f"there is no /page/{name}", "not_found")
        headers = _SAFE | {"Cache-Control": "no-cache"}
        return FileResponse(_PAGE / name, media_type=known[name], headers=headers)

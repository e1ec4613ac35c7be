"""The HTTP interface: routes only."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from importlib.resources import files as files_of
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse

from almanac.costs.ledger import By, cost
from almanac.overview.status import run_address, status
from almanac.serving import chat, documents, errors, rollout_routes
from almanac.serving.answering import in_thread
from almanac.serving.asking import Ask
from almanac.serving.body import BodyLimit, KeptNowhere, OwnHost
from almanac.serving.hosts import is_loopback
from almanac.serving.mcp_http import Agents
from almanac.serving.replay import replay as run_replay
from almanac.serving.service import Service
from almanac.serving.shapes import ChatRequest, FeedbackRequest, LoggedRequest, RetrieveRequest
from schemas.feedback import Vote
from schemas.times import When, isoformat, parse_as_of, parse_since, parse_when

_PAGE = Path(__file__).parent / "page"
_SAFE = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def application(service: Service) -> FastAPI:
    """The application over an open service."""
    agents = Agents(service)
    app = FastAPI(
        title="Almanac",
        description="Answers from dated releases of a search index, in OpenAI's form.",
        docs_url=None,
        redoc_url=None,
        lifespan=agents.lifespan,
    )
    serving = service.settings.serving
    app.add_middleware(BodyLimit, most_bytes=serving.max_body_bytes, seconds=serving.body_seconds)
    if is_loopback(serving.host):  # no page of another site may reach it by a name of its own
        app.add_middleware(OwnHost, applies=lambda: service.is_public)
    app.add_middleware(KeptNowhere)
    errors.install(app, service.metrics)
    _answers(app, service)
    _feedback(app, service)
    _reading(app, service)
    _health(app, service)
    _page(app)
    rollout_routes.install(app, service, _SAFE | {"Cache-Control": "no-cache"})
    _reference(app)
    agents.install(app)
    return app


def _answers(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions", tags=["answers"])
    async def chat_completions(request: Request, asked: ChatRequest) -> Response:
        """Answer the last message from a release, streaming or not."""
        caller = service.door.caller(request, "ask")
        return await chat.answer(service, request, asked, caller)

    @app.get("/v1/models", tags=["answers"])
    async def models(request: Request) -> dict[str, Any]:
        """The assistants, as OpenAI lists models."""
        service.door.caller(request, "ask")
        entries = [
            {
                "id": one.name,
                "object": "model",
                "created": 0,
                "owned_by": "almanac",
                "almanac": {"version": one.short, "model": one.chat.endpoint.model},
            }
            for one in service.assistants.values()
        ]
        return {"object": "list", "data": entries}

    @app.get("/v1/models/{name}", tags=["answers"])
    async def model(request: Request, name: str) -> dict[str, Any]:
        """One assistant."""
        service.door.caller(request, "ask")
        one = service.assistant(name)
        return {"id": one.name, "object": "model", "created": 0, "owned_by": "almanac"}

    @app.post("/v1/retrieve", tags=["answers"])
    async def retrieve(request: Request, asked: RetrieveRequest) -> dict[str, Any]:
        """The passages for a question, without a model; nothing is logged."""
        caller = service.door.caller(request, "ask")
        assistant = service.assistant(asked.model)
        question = ({"role": "user", "content": asked.query},)
        user = caller.named(None)
        ask = Ask(
            assistant,
            question,
            user,
            when=assistant.when(asked.when),
            k=asked.k,
            caller=caller,
            filters=asked.filters,
        )
        opened, passages = await service.answering.retrieve(ask)
        return {
            "release": opened.release.seq,
            "as_of": isoformat(opened.release.logical_time),
            "passages": [one.as_passage() for one in passages],
        }


def _feedback(app: FastAPI, service: Service) -> None:
    @app.post("/v1/feedback", status_code=202, tags=["feedback"])
    async def feedback(request: Request, vote: FeedbackRequest) -> dict[str, Any]:
        """Store a like or a dislike, which may come with the right answer."""
        caller = service.door.caller(request, "ask")
        await in_thread(lambda: service.check_voter(caller, vote.request_id))
        stored = Vote(
            request_id=vote.request_id,
            user_id=caller.named(vote.user),
            rated_at=datetime.now(UTC),
            rating=vote.rating,
            comment=vote.comment or None,
            correction=vote.correction or None,
        )
        await in_thread(lambda: service.vote(stored))
        service.metrics.voted(vote.rating)
        return {"request_id": vote.request_id, "rating": vote.rating}

    @app.delete("/v1/feedback/{request_id}", tags=["feedback"])
    async def take_back(
        request: Request, request_id: str, user: str | None = None
    ) -> dict[str, Any]:
        """Take back what a user said of an answer."""
        caller = service.door.caller(request, "ask")
        await in_thread(lambda: service.check_voter(caller, request_id))
        voter = caller.named(user)
        await in_thread(lambda: service.journal.withdraw_vote(request_id, voter))
        return {"request_id": request_id, "rating": None}

    @app.post("/v1/requests", status_code=202, tags=["feedback"])
    async def log(request: Request, logged: LoggedRequest) -> dict[str, Any]:
        """Store a request that an assistant of your own answered."""
        service.door.caller(request, "operate")
        stored = await in_thread(lambda: service.log(logged.model_dump()))
        return {"request_id": stored.request_id}


def _reading(app: FastAPI, service: Service) -> None:
    @app.get("/v1/documents/{source}/{doc_id:path}", tags=["reading"])
    async def document(
        request: Request, source: str, doc_id: str, release: str | None = None
    ) -> dict[str, Any]:
        """A document's text as a release has it."""
        caller = service.door.caller(request, "ask")
        when: When | None = parse_as_of(release) if release else None
        return await in_thread(lambda: documents.document(service, caller, source, doc_id, when))

    @app.get("/v1/releases", tags=["reading"])
    async def releases(request: Request) -> dict[str, Any]:
        """The releases that a date can lead to, newest first."""
        service.door.caller(request, "ask")
        return await in_thread(lambda: documents.releases(service))

    @app.get("/v1/requests/{request_id}", tags=["reading"])
    async def logged(request: Request, request_id: str) -> dict[str, Any]:
        """A logged request with its votes."""
        caller = service.door.caller(request, "read_logs")
        return await in_thread(lambda: documents.logged(service, caller, request_id))

    @app.post("/v1/requests/{request_id}/replay", tags=["reading"])
    async def replay(
        request: Request, request_id: str, release: int | None = None, now: bool = False
    ) -> dict[str, Any]:
        """Are the passages and the prompt of a request the same when it is asked again?"""
        caller = service.door.caller(request, "read_logs")
        with chat.place(service) if now else nullcontext():
            return await run_replay(service, caller, request_id, release, now)


def _health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process is alive."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"])
    async def readyz(request: Request) -> Response:
        """Questions can be answered; 503 where not, with the reasons for who may operate it."""
        problems = await in_thread(service.problems)
        content: dict[str, Any] = {"status": "not ready" if problems else "ready"}
        if service.door.has(request, "operate"):
            content |= {
                "release": service.releases.current.release.seq,
                "problems": problems,
            }
        return JSONResponse(content, 503 if problems else 200)

    @app.get("/v1/status", tags=["health"])
    async def standing(request: Request) -> dict[str, Any]:
        """What answers, the last nights, and what waits for a person, as `almanac status` says."""
        service.door.caller(request, "operate")
        found = await in_thread(lambda: status(service.settings))
        for night in found["nights"]:
            night["address"] = run_address(night["run"])
        return found

    @app.get("/v1/costs", tags=["health"])
    async def costs(
        request: Request, by: By = "model", since: str | None = None, until: str | None = None
    ) -> dict[str, Any]:
        """What models cost, as `almanac cost` says it; budgets as this server counts them."""
        service.door.caller(request, "operate")
        start = parse_since(since) if since else None
        end = parse_when(until) if until else None
        found = await in_thread(lambda: cost(service.settings, by, start, end))
        return found | {"budgets": service.budgets.used()}

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics(request: Request) -> Response:
        """Figures for Prometheus."""
        service.door.caller(request, "operate")
        page = await in_thread(service.metrics.page)
        return Response(page, media_type="text/plain; version=0.0.4")


def _reference(app: FastAPI) -> None:
    """The page of every route, with nothing from another host: many servers reach none."""
    files = files_of("fastapi_offline") / "static"
    names = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}

    @app.get("/docs", include_in_schema=False)
    async def reference() -> Response:
        js, css = (f"docs/{name}" for name in names)
        icon = "data:,"
        return get_swagger_ui_html(
            openapi_url="openapi.json", title=app.title, swagger_js_url=js, swagger_css_url=css,
            swagger_favicon_url=icon,
        )  # fmt: skip

    @app.get("/docs/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name not in names:
            raise errors.Refused(404, f"there is no /docs/{name}", "not_found")
        return Response((files / name).read_bytes(), media_type=names[name])


def _page(app: FastAPI) -> None:
    headers = _SAFE | {"Cache-Control": "no-cache"}
    kinds = {".js": "text/javascript", ".css": "text/css"}
    parts = {one.name: kinds[one.suffix] for one in _PAGE.iterdir() if one.suffix in kinds}

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(_PAGE / "index.html", headers=headers)

    @app.get("/status", include_in_schema=False)
    async def status_page() -> Response:
        return FileResponse(_PAGE / "status.html", headers=headers)

    @app.get("/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        if name not in parts:
            raise errors.Refused(404, f"there is no /page/{name}", "not_found")
        return FileResponse(_PAGE / name, media_type=parts[name], headers=headers)

"""Errors in OpenAI's form, each with what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from almanac.costs.budgets import BudgetSpent
from almanac.llm.chat import EndpointFailed
from almanac.serving.metrics import Metrics
from schemas.errors import (
    AlmanacError,
    ConfigError,
    FeedbackUnknown,
    ReleaseNotFound,
    ReleaseNotOpen,
    StorageUnavailable,
)

_STATUS: list[tuple[type[AlmanacError], int, str]] = [
    (BudgetSpent, 429, "budget_exceeded"),
    (FeedbackUnknown, 404, "request_not_found"),
    (ReleaseNotFound, 404, "release_not_found"),
    (ReleaseNotOpen, 409, "release_not_open"),
    (EndpointFailed, 502, "model_failed"),
    (StorageUnavailable, 503, "storage_unavailable"),
    (ConfigError, 400, "invalid_value"),
    (AlmanacError, 503, "not_available"),
]


class Refused(Exception):
    """A request that is not answered."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body(status, message, code, param)
        self.headers = dict(headers or {})


def body(status: int, message: str, code: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's form of an error."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def of(error: AlmanacError) -> tuple[int, dict[str, Any]]:
    """The status and the body for an error of Almanac's."""
    status, code = next((status, code) for kind, status, code in _STATUS if isinstance(error, kind))
    param = f"budgets.{error.name}" if isinstance(error, BudgetSpent) else None
    return status, body(status, str(error), code, param)


def unexpected() -> dict[str, Any]:
    """The body for what nobody foresaw; its cause stands in the server's log alone."""
    said = "the server failed, and its log says why: ask again, or tell who runs it"
    return body(500, said, "server_failed")


def install(app: FastAPI, metrics: Metrics) -> None:
    """Have every error of an application in this form, and counted by its code."""

    def told(
        status: int, content: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> Response:
        metrics.errors.labels(content["error"]["code"]).inc()
        return JSONResponse(content, status, headers=headers)

    @app.exception_handler(Refused)
    async def _refused(_: Request, error: Refused) -> Response:
        return told(error.status, error.body, error.headers)

    @app.exception_handler(AlmanacError)
    async def _almanac(_: Request, error: AlmanacError) -> Response:
        status, content = of(error)
        again = error.retry_after if isinstance(error, BudgetSpent) else None
        return told(status, content, {"Retry-After": str(again)} if again else None)

    @app.exception_handler(Exception)
    async def _failed(_: Request, error: Exception) -> Response:
        return told(500, unexpected())  # it is raised again, and so logged

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        return told(*_wrong_value(error))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        message = str(error.detail)
        if error.status_code == 404:
            message = f"there is no {request.url.path} here: /docs lists what there is"
        elif error.status_code == 405:
            message = f"{request.url.path} takes no {request.method}: see /docs"
        content = body(error.status_code, message, f"http_{error.status_code}")
        return told(error.status_code, content, error.headers)


def _wrong_value(error: RequestValidationError) -> tuple[int, dict[str, Any]]:
    """The status and the body for a request that is no JSON, or not of the right form."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part != "body"]
    param = ".".join(place) or None
    if first["type"] == "json_invalid":
        message = f"the body is no JSON: {first.get('ctx', {}).get('error', first['msg'])}"
        return 400, body(400, message, "invalid_json")
    said = first["msg"].removeprefix("Value error, ")
    if param or first["type"] == "value_error":
        message = f"{param}: {said}: see /docs" if param else said
    else:
        message = "send a JSON object, as /docs has it, with Content-Type: application/json"
    return 422, body(422, message, "invalid_value", param)

"""What a server tells of its answers: a line of JSON in the log, and a span for OpenTelemetry.

Neither has a text of a user's, nor who it is, unless `serving.log_texts` says so.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from schemas.feedback import Request

_log = logging.getLogger("almanac.serving.answers")
_tracer = trace.get_tracer("almanac.serving")
_LOGGED = (
    "request_id",
    "assistant",
    "version",
    "release",
    "model",
    "status",
    "prompt_tokens",
    "completion_tokens",
    "first_token_ms",
    "latency_ms",
)


def tell(request: Request, with_texts: bool) -> None:
    """Log an answer, and trace it where the process has a tracer."""
    line = {name: getattr(request, name) for name in _LOGGED}
    if with_texts:
        line |= {
            "user_id": request.user_id,
            "question": request.question,
            "response": request.response,
        }
    _log.info(json.dumps(line, ensure_ascii=False))
    _trace(request, with_texts)


def _trace(request: Request, with_texts: bool) -> None:
    """A span by the semantic conventions for generative AI, over the whole answer."""
    began = int(request.asked_at.timestamp() * 1e6) * 1_000  # nanoseconds
    ended = began + int((request.latency_ms or 0) * 1e6)
    span = _tracer.start_span(f"chat {request.model}", kind=SpanKind.CLIENT, start_time=began)
    params = request.params or {}
    known: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": request.model,
        "gen_ai.request.max_tokens": params.get("max_tokens"),
        "gen_ai.request.temperature": params.get("temperature"),
        "gen_ai.usage.input_tokens": request.prompt_tokens,
        "gen_ai.usage.output_tokens": request.completion_tokens,
        "gen_ai.response.id": request.request_id,
        "almanac.assistant": request.assistant,
        "almanac.version": request.version,
        "almanac.release": request.release,
        "almanac.status": request.status,
        "almanac.first_token_ms": request.first_token_ms,
    }
    if with_texts:
        known |= {"almanac.question": request.question, "almanac.response": request.response}
    for name, value in known.items():
        if value is not None:
            span.set_attribute(name, value)
    if request.status == "failed":
        span.set_status(StatusCode.ERROR)
    span.end(ended)

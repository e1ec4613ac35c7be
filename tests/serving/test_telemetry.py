"""What is told of an answer: ids and figures, and texts only where that is wanted."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from almanac.serving import telemetry
from schemas.feedback import Request

REQUEST = Request(
    request_id="req-1",
    asked_at=datetime(2026, 3, 3, tzinfo=UTC),
    user_id="ann",
    question="Where is the secret?",
    response="In the safe [1].",
    release=7,
    model="stub-1",
    prompt_tokens=100,
    completion_tokens=6,
    latency_ms=250.0,
    assistant="documents",
    status="answered",
    params={"max_tokens": 256, "temperature": 0.0},
)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(telemetry, "_tracer", trace.get_tracer("t", tracer_provider=provider))
    return exporter


@pytest.mark.parametrize("with_texts", [False, True])
def test_a_line_and_a_span(
    spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture, with_texts: bool
) -> None:
    logger = logging.getLogger("almanac.serving.answers")
    logger.addHandler(caplog.handler)
    logger.setLevel(logging.INFO)
    try:
        telemetry.tell(REQUEST, with_texts)
    finally:
        logger.removeHandler(caplog.handler)
    (span,) = spans.get_finished_spans()
    line = json.loads(caplog.messages[-1])
    assert (line["request_id"], line["release"], line["status"]) == ("req-1", 7, "answered")
    assert span.name == "chat stub-1"
    assert span.attributes is not None
    assert span.attributes["gen_ai.usage.input_tokens"] == 100
    assert span.attributes["almanac.release"] == 7
    assert span.end_time is not None and span.start_time is not None
    assert span.end_time - span.start_time == 250_000_000
    told = json.dumps(line) + json.dumps(dict(span.attributes))
    for text in ("secret", "safe", "Where"):
        assert (text in told) == with_texts
    assert ("ann" in line.values()) == with_texts

"""Spans of generative AI, as this year's conventions write them and as older ones did."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.feedback import Passage, Request
from tests.feedback.conftest import Desk

NANOSECOND = 1772359200_000_000_000  # 2026-03-01T10:00:00Z
TRACE = "5b8efff798038103d269b633813fc60c"


def value(said: Any) -> dict[str, Any]:
    """A value as OTLP/JSON has it."""
    if isinstance(said, bool):
        return {"boolValue": said}
    if isinstance(said, int):
        return {"intValue": str(said)}
    if isinstance(said, float):
        return {"doubleValue": said}
    if isinstance(said, list):
        return {"arrayValue": {"values": [value(one) for one in said]}}
    if isinstance(said, dict):
        return {"kvlistValue": {"values": pairs(said)}}
    return {"stringValue": said}


def pairs(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(one)} for key, one in said.items()]


def event(name: str, at: int, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "timeUnixNano": str(at), "attributes": pairs(attributes.pop("a", {}))}


def span(number: int, start: int, milliseconds: int, events: Any = (), **said: Any) -> Any:
    return {
        "traceId": said.pop("trace", TRACE),
        "spanId": f"{number:016x}",
        "parentSpanId": "",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(NANOSECOND + start * 10**6),
        "endTimeUnixNano": str(NANOSECOND + (start + milliseconds) * 10**6),
        "attributes": pairs(said.pop("a", {})),
        "events": list(events),
    } | said


def export(*spans: Any) -> dict[str, Any]:
    resource = {"attributes": pairs({"service.name": "desk"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def logs(*records: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


def message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m-1",
    "gen_ai.response.model": "m-1-2026",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.conversation.id": "conv-1",
    "gen_ai.usage.input_tokens": 30,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.request.temperature": 0.5,
    "gen_ai.prompt.name": "desk",
    "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
    "gen_ai.input.messages": [
        message("user", "Hi"),
        message("assistant", "Yes?"),
        message("user", "Where is the printer?"),
    ],
    "gen_ai.output.messages": [message("assistant", "On floor two.") | {"finish_reason": "stop"}],
}
RETRIEVAL = {
    "gen_ai.operation.name": "retrieval",
    "gen_ai.retrieval.documents": [
        {"id": "c1", "score": 0.9, "content": "The printer is on floor two."},
        {"id": "c2", "score": 0.5},
    ],
}
ROOT = {"user.id": "ann"}
THUMBS = {
    "gen_ai.evaluation.name": "UserFeedback",
    "gen_ai.evaluation.score.value": -1,
    "gen_ai.evaluation.explanation": "It moved.",
    "gen_ai.response.id": "chatcmpl-1",
}
ANSWERED = Request(
    request_id="chatcmpl-1",
    asked_at=datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC),
    user_id="ann",
    session_id="conv-1",
    question="Where is the printer?",
    response="On floor two.",
    context=(Passage("c1", "The printer is on floor two."), Passage("c2", "")),
    history=({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}),
    prompt=(
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Where is the printer?"},
    ),
    model="m-1",
    prompt_tokens=30,
    completion_tokens=7,
    latency_ms=1250.0,
    details={
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "m-1-2026",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.prompt.name": "desk",
        "service.name": "desk",
        "trace_id": TRACE,
        "span_id": "0000000000000003",
    },
)


def test_a_trace_of_today_over_several_lines(desk: Desk) -> None:
    step = CHAT | {
        "gen_ai.response.id": "chatcmpl-0",
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "search"}]}
        ],
    }
    judged = THUMBS | {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": 4.0}
    spans = desk.write(
        "traces.jsonl",
        [
            export(span(3, 500, 1250, a=CHAT)),
            export(
                span(1, 0, 2000, a=ROOT), span(2, 100, 50, a=RETRIEVAL), span(4, 200, 20, a=step)
            ),
            logs(
                {
                    "eventName": "gen_ai.evaluation.result",
                    "timeUnixNano": str(NANOSECOND + 10**10),
                    "attributes": pairs(THUMBS),
                    "traceId": TRACE,
                    "spanId": f"{3:016x}",
                },
                {
                    "eventName": "gen_ai.evaluation.result",
                    "timeUnixNano": "1",
                    "attributes": pairs(judged),
                },
            ),
        ],
    )
    assert desk.counts(spans) == {"requests": (1, 1, 0, 0), "votes": (1, 1, 0, 0)}
    assert desk.lake.requests.rows() == [ANSWERED]
    vote = desk.lake.votes.rows()[0]
    assert (vote.request_id, vote.user_id, vote.rating) == ("chatcmpl-1", "ann", -1)
    assert (vote.comment, vote.stated) == ("It moved.", False)
    assert vote.rated_at == datetime(2026, 3, 1, 10, 0, 10, tzinfo=UTC)
    assert desk.counts(spans) == {"requests": (1, 0, 1, 0), "votes": (1, 0, 1, 0)}


def test_an_export_as_one_indented_object_and_messages_as_json_text(desk: Desk) -> None:
    names = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")
    texts = {name: json.dumps(CHAT[name]) for name in names}
    found = {"gen_ai.retrieval.documents": json.dumps(RETRIEVAL["gen_ai.retrieval.documents"])}
    (desk.root / "traces.json").write_text(
        json.dumps(
            export(
                span(1, 0, 2000, a=ROOT),
                span(2, 100, 50, a=RETRIEVAL | found),
                span(3, 500, 1250, a=CHAT | texts),
            ),
            indent=2,
        )
    )
    desk.take(str(desk.root / "traces.json"))
    assert desk.lake.requests.rows() == [ANSWERED]


NUMBERED = {
    "llm.request.type": "chat",
    "gen_ai.request.model": "m-0",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": "Be brief.",
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": "Where?",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": "There.",
    "gen_ai.usage.prompt_tokens": 5,
    "gen_ai.usage.completion_tokens": 2,
}
OLD = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-0"}
OLD_USAGE = {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2}
MESSAGES = [
    event("gen_ai.system.message", 1, a={"content": "Be brief."}),
    event("gen_ai.user.message", 2, a={"content": "Where?"}),
    event("gen_ai.choice", 3, a={"message": json.dumps({"content": "There."})}),
]
CONTENT = [
    event(
        "gen_ai.content.prompt",
        1,
        a={
            "gen_ai.prompt": json.dumps(
                [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}]
            )
        },
    ),
    event(
        "gen_ai.content.completion",
        2,
        a={"gen_ai.completion": json.dumps([{"role": "assistant", "content": "There."}])},
    ),
]
BARE = {
    "gen_ai.prompt": json.dumps(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}]
    ),
    "gen_ai.completion": "There.",
}
DETAILS = [
    event(
        "gen_ai.client.inference.operation.details",
        1,
        a={
            "gen_ai.input.messages": [message("system", "Be brief."), message("user", "Where?")],
            "gen_ai.output.messages": [message("assistant", "There.")],
        },
    ),
]


@pytest.mark.parametrize(
    ("attributes", "events"),
    [
        (NUMBERED, []),
        (OLD | OLD_USAGE | BARE, []),
        (OLD | OLD_USAGE, MESSAGES),
        (OLD | OLD_USAGE, CONTENT),
        (OLD | OLD_USAGE, DETAILS),
    ],
    ids=["numbered", "bare", "messages", "content", "details"],
)
@pytest.mark.parametrize("apart", [False, True], ids=["on the span", "as log records"])
def test_older_spellings(
    desk: Desk, attributes: dict[str, Any], events: list[Any], apart: bool
) -> None:
    known = attributes | {"session.id": "s1"}
    own = span(1, 0, 40, a=known, events=[] if apart else events)
    where = {"traceId": TRACE, "spanId": f"{1:016x}"}
    records = [one | where | {"eventName": one["name"]} for one in events] if apart else []
    desk.take(desk.write("spans.jsonl", [export(own), logs(*records)]))
    found = desk.lake.requests.rows()[0]
    assert found.request_id == f"{TRACE}-{1:016x}"
    assert (found.question, found.response, found.model) == ("Where?", "There.", "m-0")
    assert [one["content"] for one in found.prompt] == ["Be brief.", "Where?"]
    assert (found.prompt_tokens, found.completion_tokens, found.history) == (5, 2, ())
    # Nobody is named: the session stands for its user.
    assert found.user_id == "anonymous:s1"


def test_each_turn_of_a_trace_has_what_was_retrieved_for_it(desk: Desk) -> None:
    def found(name: str) -> dict[str, Any]:
        return {
            "retrieval.documents.0.document.id": name,
            "retrieval.documents.0.document.content": f"{name} says.",
        }

    turns = [
        span(1, 0, 1, a=found("c1")),
        span(2, 5, 9, a=NUMBERED),
        span(3, 20, 1, a=found("c2")),
        span(4, 25, 9, a=NUMBERED),
    ]
    desk.take(desk.write("spans.jsonl", [export(*reversed(turns))]))
    assert [one.context for one in desk.lake.requests.rows()] == [
        (Passage("c1", "c1 says."),),
        (Passage("c2", "c2 says."),),
    ]


def test_votes_on_spans_and_columns_of_ones_own(desk: Desk) -> None:
    said = CHAT | ROOT | {"app.release": 3, "app.prompt": "v2", "app.question": "Printer?"}
    up = event(
        "gen_ai.evaluation.result",
        NANOSECOND + 1,
        a={
            "gen_ai.evaluation.name": "thumbs",
            "gen_ai.evaluation.score.label": "Up",
            "user.id": "bob",
            "app.right": "Floor three.",
        },
    )
    other = span(
        9,
        900,
        0,
        parentSpanId=f"{3:016x}",
        a=THUMBS | {"gen_ai.evaluation.score.value": 0.2, "gen_ai.response.id": ""},
    )
    desk.columns = {
        "release": "app.release",
        "prompt_version": "app.prompt",
        "question": "app.question",
        "correction": "app.right",
    }
    log = desk.write("spans.jsonl", [export(span(3, 0, 10, a=said, events=[up]), other)])
    assert desk.counts(log) == {"requests": (1, 1, 0, 0), "votes": (2, 1, 0, 1)}
    found = desk.lake.requests.rows()[0]
    assert (found.release, found.prompt_version, found.question) == (3, "v2", "Printer?")
    vote = desk.lake.votes.rows()[0]
    assert (vote.user_id, vote.rating, vote.correction, vote.stated) == (
        "bob",
        1,
        "Floor three.",
        True,
    )
    assert desk.held() == [
        ("votes", "chatcmpl-1", "correction_comes_with_a_dislike"),
        ("votes", "chatcmpl-1", "rating_is_up_or_down"),
    ]


def test_spans_without_content_are_told_of_and_broken_ones_stop_nothing(desk: Desk) -> None:
    silent = {name: said for name, said in CHAT.items() if "messages" not in name}
    deep: Any = {"stringValue": "x"}
    for _ in range(200):
        deep = {"arrayValue": {"values": [deep]}}
    odd = span(5, 0, 1, a=ROOT) | {
        "attributes": [7, {"key": 1}, {"key": "x"}, {"key": "y", "value": deep}],
        "startTimeUnixNano": "never",
        "traceId": "\ud800",
        "events": "none",
    }
    lines = [
        "{",
        export(odd, "x", span(3, 0, 9, a=silent | ROOT), span(4, 0, 9, a=NUMBERED)),
        {"resourceSpans": 7},
    ]
    result = desk.counts(desk.write("spans.jsonl", lines))["requests"]
    assert result == (3, 1, 0, 2)
    assert desk.held() == [
        ("requests", "chatcmpl-1", "response_is_present"),
        ("requests", "spans.jsonl:1", "row_is_valid"),
    ]

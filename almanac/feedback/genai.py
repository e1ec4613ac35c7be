"""OpenTelemetry's conventions for generative AI: spans as requests, evaluations as votes.

After https://github.com/open-telemetry/semantic-conventions-genai (2026), and the older spellings
that instrumentations still write (until version 1.36, and `gen_ai.prompt.N`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from almanac.feedback.contents import plain, whole
from almanac.feedback.exports.people import asker, by_a_user
from almanac.feedback.exports.values import first_of
from almanac.feedback.fields import RATINGS, Read, spelling, structure
from almanac.feedback.messages import DETAILS, calls_a_tool, inputs, is_content, outputs, unseen
from almanac.feedback.otlp import Attributes, Event, Span
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces

_ANSWERS = ("chat", "text_completion", "generate_content", "completion")
_EVALUATION = "gen_ai.evaluation.result"
_USER = ("user.id", "enduser.id", "enduser.pseudo.id")
_SESSION = ("session.id", "gen_ai.conversation.id")
_PROMPT_TOKENS = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
)
_COMPLETION_TOKENS = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
)
_MODEL = ("gen_ai.request.model", "gen_ai.response.model", "llm.model_name")
_OF_VOTES = ("user_id", "rated_at", "rating", "comment", "correction")
_DOCUMENTS = "gen_ai.retrieval.documents"
_KIND = "openinference.span.kind"
_USED = {*_USER, *_SESSION, *_PROMPT_TOKENS, *_COMPLETION_TOKENS, _MODEL[0], _MODEL[2], _DOCUMENTS}
_ARIZE = re.compile(r"retrieval\.documents\.(\d{1,6})\.document\.(id|content)")
Columns = Mapping[str, str]


def index(
    found: Iterable[Span], records: Iterable[Event], traces: Traces, columns: Columns
) -> None:
    """Remember what other spans may need of these spans and log records."""
    for span in found:
        known = span.attributes
        for name, keys in (("user", _USER), ("session", _SESSION)):
            if said := first_of(known, keys):
                traces.add_person(span.trace_id, name, str(said))
        if documents := _documents(known):
            traces.add_documents(span.trace_id, span.start, documents)
        if _answers(span) and not calls_a_tool(known, span.events):
            request_id = _request_id(span, columns)
            traces.add_answer(span.trace_id, span.span_id, span.start, request_id)
    for event in records:
        if event.span_id and event.name.startswith("gen_ai.") and event.name != _EVALUATION:
            traces.add_event(event)


def rows(
    found: Iterable[Span], records: Iterable[Event], traces: Traces, columns: Columns
) -> Iterator[Record]:
    """Requests and votes of spans and log records, in their order. What is neither gives no row."""
    for span in found:
        events = sorted(
            [*span.events, *traces.events(span.trace_id, span.span_id)], key=lambda event: event.at
        )
        for event in events:
            if event.name == DETAILS:
                span = replace(span, attributes=event.attributes | span.attributes)
        if _answers(span) and not calls_a_tool(span.attributes, events):
            values = _request(span, events, traces, columns, plain)
            earlier = _request(span, events, traces, columns, whole)
            yield Record(values, earlier=None if earlier == values else earlier)
        if "gen_ai.evaluation.name" in span.attributes:
            judged = Event(_EVALUATION, span.end, span.attributes, span.trace_id, span.parent_id)
            events.append(judged)
        yield from _votes(events, traces, columns)
    yield from _votes(records, traces, columns)


def ratings(found: Iterable[Span], records: Iterable[Event], columns: Columns) -> Iterator[Any]:
    """The ratings that users gave, as they stand there."""
    judged = [event for span in found for event in span.events]
    judged += [
        Event(_EVALUATION, 0, span.attributes)
        for span in found
        if "gen_ai.evaluation.name" in span.attributes
    ]
    for event in [*judged, *records]:
        known = event.attributes
        if event.name == _EVALUATION and by_a_user(known.get("gen_ai.evaluation.name")):
            yield known.get(columns.get("rating", ""), _rating(known))


def _answers(span: Span) -> bool:
    known = span.attributes
    operation = first_of(known, ("gen_ai.operation.name", "llm.request.type"))
    if operation is not None:
        return operation in _ANSWERS
    if _KIND in known:
        return bool(known[_KIND] == "LLM")
    return any(map(is_content, known))


def _request_id(span: Span, columns: Columns) -> str:
    keys = (columns.get("request_id", ""), "gen_ai.response.id")
    return str(first_of(span.attributes, keys) or f"{span.trace_id}-{span.span_id}")


def _request(
    span: Span, events: list[Event], traces: Traces, columns: Columns, read: Read
) -> dict[str, Any]:
    known = span.attributes
    request_id = _request_id(span, columns)
    given, said = inputs(known, events, read), outputs(known, events, read)
    asked = max((at for at, one in enumerate(given) if one["role"] == "user"), default=None)
    session = first_of(known, _SESSION) or traces.person(span.trace_id, "session")
    context = _unique(_documents(known) or traces.documents(span.trace_id, span.start))
    own = {
        "request_id": request_id,
        "asked_at": span.start or None,
        "user_id": first_of(known, _USER) or _asker(traces, span.trace_id, request_id),
        "session_id": session,
        "question": None if asked is None else given[asked]["content"],
        "history": [one for one in given[:asked] if one["role"] != "system"] if asked else [],
        "prompt": given,
        "response": said[0]["content"] if said else None,
        "context": context or None,
        "model": first_of(known, _MODEL),
        "prompt_tokens": first_of(known, _PROMPT_TOKENS),
        "completion_tokens": first_of(known, _COMPLETION_TOKENS),
        "latency_ms": (span.end - span.start) / 1e6 if span.end > span.start > 0 else None,
    }
    mapped = {name: known[column] for name, column in columns.items() if column in known}
    details = _details(span)
    if read is plain:
        details |= unseen(known, events)
    return {"details": details} | own | mapped


def _details(span: Span) -> dict[str, Any]:
    """Whatever else the span says, and where it stands."""
    rest = {
        name: value
        for name, value in span.attributes.items()
        if name not in _USED
        and not is_content(name)
        and not _ARIZE.fullmatch(name)
        and not (_KIND in span.attributes and name.startswith(("input.", "output.")))
    }
    if service := span.resource.get("service.name"):
        rest["service.name"] = service
    return rest | {"trace_id": span.trace_id, "span_id": span.span_id}


def _votes(events: Iterable[Event], traces: Traces, columns: Columns) -> Iterator[Record]:
    for event in events:
        known = event.attributes
        if event.name != _EVALUATION or not by_a_user(known.get("gen_ai.evaluation.name")):
            continue
        answered = traces.request(event.trace_id, event.span_id)
        fallback = answered or f"{event.trace_id}-{event.span_id}"
        user = first_of(known, _USER)
        request_id = str(known.get("gen_ai.response.id") or fallback)
        own = {
            "request_id": request_id,
            "user_id": user or _asker(traces, event.trace_id, request_id),
            "rated_at": event.at or None,
            "rating": _rating(known),
            "comment": known.get("gen_ai.evaluation.explanation"),
        }
        mapped = {name: known[columns[name]] for name in _OF_VOTES if columns.get(name) in known}
        yield Record(own | mapped, is_vote=True, stated=bool(user) or "user_id" in mapped)


def _asker(traces: Traces, trace: str, request_id: str) -> str:
    """Nobody need be named: then a session stands for its user, or a request for itself."""
    return asker(traces.person(trace, "user"), traces.person(trace, "session"), request_id)


def _rating(known: Attributes) -> Any:
    label = known.get("gen_ai.evaluation.score.label")
    if spelling(label) in RATINGS:
        return label
    value = known.get("gen_ai.evaluation.score.value")
    return label if value is None else value


def _documents(known: Attributes) -> list[Any]:
    """What a retrieval found: the convention's attribute, or OpenInference's numbered ones."""
    found = structure(known.get(_DOCUMENTS))
    if isinstance(found, list):
        return found
    numbered: dict[int, dict[str, Any]] = {}
    for name, value in known.items():
        if match := _ARIZE.fullmatch(name):
            numbered.setdefault(int(match[1]), {})[match[2]] = value
    return [numbered[at] for at in sorted(numbered)]


def _unique(documents: list[Any]) -> list[Any]:
    """Each once, by its id where it has one."""
    found: dict[str, Any] = {}
    for one in documents:
        name = one.get("id") if isinstance(one, Mapping) else None
        found.setdefault(str(one if name is None else name), one)
    return list(found.values())

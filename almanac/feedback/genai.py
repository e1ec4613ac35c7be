"""OpenTelemetry's conventions for generative AI: spans as requests, evaluations as votes.

After https://github.com/open-telemetry/semantic-conventions-genai (2026), and the older spellings
that instrumentations still write (until version 1.36, and `gen_ai.prompt.N`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from almanac.feedback.fields import RATINGS, structure
from almanac.feedback.messages import DETAILS, calls_a_tool, inputs, is_content, outputs
from almanac.feedback.otlp import Attributes, Event, Span, log_events, spans
from almanac.feedback.traces import Traces

_ANSWERS = ("chat", "text_completion", "generate_content", "completion")
_EVALUATION = "gen_ai.evaluation.result"
# The convention does not say who judged: these words in an evaluation's name say that a user did.
_BY_USERS = {"user", "human", "feedback", "thumb", "thumbs", "vote", "votes", "rating"}
_USER = ("user.id", "enduser.id", "enduser.pseudo.id")
_SESSION = ("session.id", "gen_ai.conversation.id")
_PROMPT_TOKENS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_COMPLETION_TOKENS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
_MODEL = ("gen_ai.request.model", "gen_ai.response.model")
_OF_VOTES = ("user_id", "rated_at", "rating", "comment", "correction")
_DOCUMENTS = "gen_ai.retrieval.documents"
_USED = {*_USER, *_SESSION, *_PROMPT_TOKENS, *_COMPLETION_TOKENS, _MODEL[0], _DOCUMENTS}
_ARIZE = re.compile(r"retrieval\.documents\.(\d{1,6})\.document\.(id|content)")
Columns = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A row made of a span or event: of a request, or of a vote and whether its user is stated."""

    values: dict[str, Any]
    is_vote: bool = False
    stated: bool = True


def index(export: Mapping[str, Any], traces: Traces, columns: Columns) -> None:
    """Remember what other spans of an export may need."""
    for span in spans(export):
        known = span.attributes
        for name, keys in (("user", _USER), ("session", _SESSION)):
            if said := _first(known, keys):
                traces.add_person(span.trace_id, name, str(said))
        if documents := _documents(known):
            traces.add_documents(span.trace_id, span.start, documents)
        if _answers(span) and not calls_a_tool(known, span.events):
            request_id = _request_id(span, columns)
            traces.add_answer(span.trace_id, span.span_id, span.start, request_id)
    for event in log_events(export):
        if event.span_id and event.name.startswith("gen_ai.") and event.name != _EVALUATION:
            traces.add_event(event)


def rows(export: Mapping[str, Any], traces: Traces, columns: Columns) -> Iterator[Spoken]:
    """Requests and votes of an export, in its order. What is neither gives no row."""
    for span in spans(export):
        events = sorted(
            [*span.events, *traces.events(span.trace_id, span.span_id)], key=lambda event: event.at
        )
        for event in events:
            if event.name == DETAILS:
                span = replace(span, attributes=event.attributes | span.attributes)
        if _answers(span) and not calls_a_tool(span.attributes, events):
            yield Spoken(_request(span, events, traces, columns))
        if "gen_ai.evaluation.name" in span.attributes:
            judged = Event(_EVALUATION, span.end, span.attributes, span.trace_id, span.parent_id)
            events.append(judged)
        yield from _votes(events, traces, columns)
    yield from _votes(log_events(export), traces, columns)


def _answers(span: Span) -> bool:
    known = span.attributes
    operation = _first(known, ("gen_ai.operation.name", "llm.request.type"))
    if operation is None:
        return any(map(is_content, known))
    return operation in _ANSWERS


def _request_id(span: Span, columns: Columns) -> str:
    keys = (columns.get("request_id", ""), "gen_ai.response.id")
    return str(_first(span.attributes, keys) or f"{span.trace_id}-{span.span_id}")


def _request(span: Span, events: list[Event], traces: Traces, columns: Columns) -> dict[str, Any]:
    known = span.attributes
    request_id = _request_id(span, columns)
    given, said = inputs(known, events), outputs(known, events)
    asked = max((at for at, one in enumerate(given) if one["role"] == "user"), default=None)
    session = _first(known, _SESSION) or traces.person(span.trace_id, "session")
    own = {
        "request_id": request_id,
        "asked_at": span.start or None,
        "user_id": _first(known, _USER) or _asker(traces, span.trace_id, request_id),
        "session_id": session,
        "question": None if asked is None else given[asked]["content"],
        "history": [one for one in given[:asked] if one["role"] != "system"] if asked else [],
        "prompt": given,
        "response": said[0]["content"] if said else None,
        "context": _unique(_documents(known) or traces.documents(span.trace_id, span.start)),
        "model": _first(known, _MODEL),
        "prompt_tokens": _first(known, _PROMPT_TOKENS),
        "completion_tokens": _first(known, _COMPLETION_TOKENS),
        "latency_ms": (span.end - span.start) / 1e6 if span.end > span.start > 0 else None,
    }
    mapped = {name: known[column] for name, column in columns.items() if column in known}
    return {"details": _details(span)} | own | mapped


def _details(span: Span) -> dict[str, Any]:
    """Whatever else the span says, and where it stands."""
    rest = {
        name: value
        for name, value in span.attributes.items()
        if name not in _USED and not is_content(name) and not _ARIZE.fullmatch(name)
    }
    if service := span.resource.get("service.name"):
        rest["service.name"] = service
    return rest | {"trace_id": span.trace_id, "span_id": span.span_id}


def _votes(events: Iterable[Event], traces: Traces, columns: Columns) -> Iterator[Spoken]:
    for event in events:
        known = event.attributes
        if event.name != _EVALUATION or not _by_a_user(known.get("gen_ai.evaluation.name")):
            continue
        answered = traces.request(event.trace_id, event.span_id)
        fallback = answered or f"{event.trace_id}-{event.span_id}"
        user = _first(known, _USER)
        request_id = str(known.get("gen_ai.response.id") or fallback)
        own = {
            "request_id": request_id,
            "user_id": user or _asker(traces, event.trace_id, request_id),
            "rated_at": event.at or None,
            "rating": _rating(known),
            "comment": known.get("gen_ai.evaluation.explanation"),
        }
        mapped = {name: known[columns[name]] for name in _OF_VOTES if columns.get(name) in known}
        yield Spoken(own | mapped, is_vote=True, stated=bool(user) or "user_id" in mapped)


def _asker(traces: Traces, trace: str, request_id: str) -> str:
    """Nobody need be named: then a session stands for its user, or a request for itself."""
    user, session = traces.person(trace, "user"), traces.person(trace, "session")
    return user or f"anonymous:{session or request_id}"


def _by_a_user(name: Any) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+", str(name))
    return any(word.lower() in _BY_USERS for word in words)


def _rating(known: Attributes) -> Any:
    label = known.get("gen_ai.evaluation.score.label")
    if str(label).strip().lower().replace(" ", "_") in RATINGS:
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


def _first(known: Attributes, names: Iterable[str]) -> Any:
    return next((known[name] for name in names if known.get(name) not in (None, "")), None)

"""OpenTelemetry's spans and log records in OTLP/JSON, unpacked.

As https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding has them, and as the file
exporter of the collector writes them, one export a line. Whole numbers may be texts there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Attributes = dict[str, Any]
_SPANS = ("resourceSpans", "scopeSpans", "spans")
_DEEPEST = 32
_RECORDS = ("resourceLogs", "scopeLogs", "logRecords")


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a span, or a log record. `at` is in nanoseconds since 1970."""

    name: str
    at: int
    attributes: Attributes
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """One operation. Times are in nanoseconds since 1970; `resource` says what ran."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start: int
    end: int
    attributes: Attributes
    events: tuple[Event, ...] = ()
    resource: Attributes = field(default_factory=dict)


def is_export(values: Mapping[str, Any]) -> bool:
    """Is this object an export of spans or log records?"""
    return _SPANS[0] in values or _RECORDS[0] in values


def spans(export: Mapping[str, Any]) -> Iterator[Span]:
    """Every span of one export, in its order."""
    for resource, item in _items(export, _SPANS):
        trace_id, span_id = _id(item, "traceId"), _id(item, "spanId")
        yield Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_id=_id(item, "parentSpanId"),
            name=str(item.get("name") or ""),
            start=_nanoseconds(item.get("startTimeUnixNano")),
            end=(end := _nanoseconds(item.get("endTimeUnixNano"))),
            attributes=attributes(item.get("attributes")),
            events=tuple(_event(one, trace_id, span_id, end) for one in _list(item.get("events"))),
            resource=resource,
        )


def log_events(export: Mapping[str, Any]) -> Iterator[Event]:
    """Every log record of one export that is an event, in its order."""
    for _, item in _items(export, _RECORDS):
        trace_id, span_id = _id(item, "traceId"), _id(item, "spanId")
        event = _event(item, trace_id, span_id)
        if event.name:
            yield event


def attributes(pairs: Any, depth: int = 0) -> Attributes:
    """A list of keys and values as a mapping; what is none is left out."""
    return {
        pair["key"]: _value(pair.get("value"), depth)
        for pair in _list(pairs)
        if isinstance(pair.get("key"), str)
    }


def _items(
    export: Mapping[str, Any], names: tuple[str, str, str]
) -> Iterator[tuple[Attributes, Mapping[str, Any]]]:
    for part in _list(export.get(names[0])):
        resource = part.get("resource")
        known = attributes(resource.get("attributes")) if isinstance(resource, Mapping) else {}
        for scope in _list(part.get(names[1])):
            for item in _list(scope.get(names[2])):
                yield known, item


def _event(item: Mapping[str, Any], trace_id: str, span_id: str, end: int = 0) -> Event:
    """An event; the fields of a log record's body count as attributes of it.

    end: the time of one that has none, such as when its span ended.
    """
    known = attributes(item.get("attributes"))
    body = _value(item.get("body"))
    if isinstance(body, dict):
        known = body | known
    name = item.get("name") or item.get("eventName") or known.get("event.name") or ""
    at = _nanoseconds(item.get("timeUnixNano")) or _nanoseconds(item.get("observedTimeUnixNano"))
    return Event(str(name), at or end, known, trace_id, span_id)


def _value(value: Any, depth: int = 0) -> Any:
    """An AnyValue as plain JSON; None for what is none, and deeper than anybody means."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return None
    kind, said = next(iter(value.items()), ("", None))
    if kind == "arrayValue" and isinstance(said, Mapping):
        return [_value(one, depth + 1) for one in _list(said.get("values"))]
    if kind == "kvlistValue" and isinstance(said, Mapping):
        return attributes(said.get("values"), depth + 1)
    return _integer(said) if kind == "intValue" else said


def _id(item: Mapping[str, Any], name: str) -> str:
    return str(item.get(name) or "").encode("utf-8", "backslashreplace").decode("utf-8")


def _integer(value: Any) -> Any:
    try:
        return int(value)
    except (TypeError, ValueError):
        return value


def _nanoseconds(value: Any) -> int:
    found = _integer(value)
    return found if isinstance(found, int) and 0 < found < 1 << 63 else 0


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []

"""Phoenix: spans as its API and `get_spans_dataframe` give them, and annotations of spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from almanac.feedback.exports.people import by_a_user
from almanac.feedback.fields import structure
from almanac.feedback.openinference import flat, nested
from almanac.feedback.otlp import Span
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces
from schemas.times import as_utc

Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_span(row: Row) -> bool:
    """A span of the API, or a row of the data frame, whose columns have dotted names."""
    context = row.get("context")
    return "context.span_id" in row or (
        isinstance(context, Mapping) and {"trace_id", "span_id"} <= context.keys()
    )


def is_annotation(row: Row) -> bool:
    """An annotation names its span and who made it."""
    return "span_id" in row and "annotator_kind" in row


def span_of(row: Row) -> Span:
    """The row as a span, its attributes with OpenInference's dotted names."""
    known = flat(row)
    attributes = {
        name.removeprefix("attributes."): value
        for name, value in known.items()
        if name.startswith("attributes.") and value is not None
    }
    kind = known.get("span_kind")
    if kind and "openinference.span.kind" not in attributes:
        attributes["openinference.span.kind"] = str(kind).upper()
    if documents := nested(attributes, "retrieval.documents"):
        attributes.pop("retrieval.documents", None)
        attributes["gen_ai.retrieval.documents"] = [_document(one) for one in documents]
    return Span(
        trace_id=str(known.get("context.trace_id") or ""),
        span_id=str(known.get("context.span_id") or ""),
        parent_id=str(known.get("parent_id") or ""),
        name=str(known.get("name") or ""),
        start=_nanoseconds(known.get("start_time")),
        end=_nanoseconds(known.get("end_time")),
        attributes=attributes,
    )


def of_annotation(row: Row, traces: Traces) -> Iterator[Record]:
    """The vote of an annotation that a person made of an answer, or of a span around one."""
    name = row.get("name") or row.get("annotation_name")
    if str(row["annotator_kind"]).upper() != "HUMAN" and not by_a_user(name):
        return
    known = flat(row)
    span_id = str(row["span_id"])
    request_id = traces.answer_of_span(span_id) or span_id
    user = known.get("user_id") or known.get("metadata.user_id")
    score, label = known.get("result.score"), known.get("result.label")
    values = {
        "request_id": request_id,
        "user_id": str(user) if user else f"anonymous:{request_id}",
        "rated_at": known.get("updated_at") or known.get("created_at"),
        "rating": label if score is None else score,
        "comment": known.get("result.explanation"),
    }
    yield Record(values, is_vote=True, stated=bool(user))


def _document(value: Any) -> Any:
    inner = value.get("document", value) if isinstance(value, Mapping) else value
    if not isinstance(inner, Mapping):
        return inner
    known = {"content": inner.get("content")}
    return known | ({"id": str(inner["id"])} if inner.get("id") is not None else {})


def _nanoseconds(value: Any) -> int:
    value = structure(value)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime):
            return int((as_utc(moment) - _EPOCH).total_seconds() * 1e6) * 1000
        return int(moment) * 10**6 if isinstance(moment, int) else 0  # pandas writes milliseconds
    except (ValueError, OverflowError):
        return 0

"""Label Studio: tasks of two answers of which people picked one, or of one answer that they rated.

As the JSON export has them: `data` with the texts, `annotations` with their `result`. Texts are
found by their names in `data`: what is compared is what the tags of a pairwise choice name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from almanac.feedback.exports.preferences import UNDATED
from almanac.feedback.exports.values import asked, made_id, text_of
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces

Row = Mapping[str, Any]
_PAIRS = (
    ("answer1", "answer2"),
    ("response1", "response2"),
    ("answer_a", "answer_b"),
    ("response_a", "response_b"),
    ("text1", "text2"),
    ("left", "right"),
    ("output1", "output2"),
    ("completion_a", "completion_b"),
    ("a", "b"),
)
_SINGLE = ("answer", "response", "output", "completion")
_CORRECTIONS = ("textarea",)


def is_task(row: Row) -> bool:
    """A task with annotations."""
    return isinstance(row.get("data"), Mapping) and isinstance(row.get("annotations"), list)


def of_task(row: Row, traces: Traces) -> Iterator[Record]:
    """A request for each answer that was voted on, and a vote for each annotation that tells."""
    data = row["data"]
    known: set[str] = set()
    for annotation in row["annotations"]:
        if not isinstance(annotation, Mapping) or annotation.get("was_cancelled"):
            continue
        results = [one for one in annotation.get("result") or () if isinstance(one, Mapping)]
        for answer, rating, correction in _votes(data, results):
            request = _request(row, data, answer)
            if request["request_id"] not in known:
                known.add(request["request_id"])
                yield Record(request)
            yield _vote(row, request, annotation, rating, correction)


def _votes(data: Row, results: list[Row]) -> Iterator[tuple[str, Any, str | None]]:
    """(answer, rating, correction) of one annotation."""
    written = next((_written(one) for one in results if one.get("type") in _CORRECTIONS), None)
    for result in results:
        value = result.get("value") or {}
        if result.get("type") == "pairwise":
            yield from _picked(data, value.get("selected"), written)
        elif (answer := _single(data)) is not None and result.get("type") in ("choices", "rating"):
            choices = value.get("choices") or [None]
            rating = value.get("rating") if result["type"] == "rating" else choices[0]
            yield answer, rating, written


def _picked(data: Row, side: Any, written: str | None) -> Iterator[tuple[str, Any, str | None]]:
    """A choice between two: the other one is disliked, and the picked one corrects it."""
    names = next((pair for pair in _PAIRS if set(pair) <= data.keys()), None)
    if names is None or side not in ("left", "right"):
        return
    left, right = (text_of(data[name]) for name in names)
    better, worse = (left, right) if side == "left" else (right, left)
    if better and worse:
        yield worse, -1, written or better


def _single(data: Row) -> str | None:
    return next((text_of(data[name]) for name in _SINGLE if data.get(name)), None)


def _written(result: Row) -> str | None:
    text = (result.get("value") or {}).get("text")
    return "\n".join(text) if isinstance(text, list) else text


def _request(row: Row, data: Row, answer: str) -> dict[str, Any]:
    question = asked(data)
    request_id = made_id("labelstudio", question, answer)
    used = {*_SINGLE, *(name for pair in _PAIRS for name in pair)}
    return {
        "request_id": str(data.get("request_id") or request_id),
        "asked_at": data.get("asked_at") or UNDATED,
        "user_id": str(data.get("user_id") or f"anonymous:{request_id}"),
        **question,
        "response": answer,
        "details": {"task": row.get("id")} | {n: v for n, v in data.items() if n not in used},
    }


def _vote(row: Row, request: Row, annotation: Row, rating: Any, correction: Any) -> Record:
    who = annotation.get("completed_by")
    who = who.get("email") or who.get("id") if isinstance(who, Mapping) else who
    values = {
        "request_id": request["request_id"],
        "user_id": request["user_id"] if who is None else f"annotator:{who}",
        "rated_at": annotation.get("created_at") or request["asked_at"],
        "rating": rating,
        "correction": correction,
    }
    return Record(values, is_vote=True, stated=who is not None)

"""Preference files as trl reads them: pairs of a chosen and a rejected answer, and single ones.

A pair is a dislike of the rejected answer with the chosen one as its correction. Such files name no
times and no people: the time is 1 January 2000, which no window of days reaches, unless a column
`asked_at` is there, and each request stands for its own user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from almanac.feedback.exports.values import made_id, text_of
from almanac.feedback.fields import messages
from almanac.feedback.record import Record
from almanac.feedback.traces import Traces

Row = Mapping[str, Any]
UNDATED = "2000-01-01T00:00:00Z"
_OF_PAIRS = {"prompt", "chosen", "rejected"}
_OF_SINGLE = {"prompt", "completion", "label"}
_OWN = ("asked_at", "user_id", "session_id", "context", "lang", "model", "release")


def is_pair(row: Row) -> bool:
    """A chosen and a rejected answer, with or without the prompt of both."""
    return {"chosen", "rejected"} <= row.keys()


def is_unpaired(row: Row) -> bool:
    """An answer with a label, true or false."""
    return row.keys() >= _OF_SINGLE


def of_pair(row: Row, traces: Traces) -> Iterator[Record]:
    """The rejected answer, and the dislike that the chosen one corrects."""
    prompt, chosen, rejected = row.get("prompt"), row["chosen"], row["rejected"]
    if prompt is None:
        prompt, chosen, rejected = _split(chosen, rejected)
    chosen, rejected = text_of(chosen), text_of(rejected)
    values = _request(row, prompt, rejected, _OF_PAIRS)
    yield Record(values)
    yield _vote(values, -1, chosen)


def of_unpaired(row: Row, traces: Traces) -> Iterator[Record]:
    """The answer, and the like or dislike that its label is."""
    values = _request(row, row["prompt"], text_of(row["completion"]), _OF_SINGLE)
    yield Record(values)
    if row["label"] is not None:
        yield _vote(values, row["label"], None)


def _request(row: Row, prompt: Any, response: Any, used: set[str]) -> dict[str, Any]:
    request_id = str(row.get("id") or made_id("preference", prompt, response))
    asked = {"prompt": prompt} if isinstance(prompt, list) else {"question": prompt}
    rest = {name: value for name, value in row.items() if name not in {*used, *_OWN, "id"}}
    return {
        "request_id": request_id,
        "asked_at": UNDATED,
        "user_id": f"anonymous:{request_id}",
        **asked,
        "response": response,
        "details": rest,
        **{name: row[name] for name in _OWN if row.get(name) is not None},
    }


def _vote(request: Row, rating: Any, correction: Any) -> Record:
    values = {
        "request_id": request["request_id"],
        "user_id": request["user_id"],
        "rated_at": request["asked_at"],
        "rating": rating,
        "correction": correction,
    }
    return Record(values, is_vote=True, stated=False)


def _split(chosen: Any, rejected: Any) -> tuple[Any, Any, Any]:
    """The prompt that two conversations begin with alike, and what each says after it."""
    if not (isinstance(chosen, list) and isinstance(rejected, list)):
        return None, chosen, rejected
    same = 0
    while same < min(len(chosen), len(rejected)) - 1 and chosen[same] == rejected[same]:
        same += 1
    return list(messages("prompt", chosen[:same])) or None, chosen[same:], rejected[same:]

"""What an application calls to log a request that it answered, and a vote on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from almanac.feedback.fields import Broken
from almanac.feedback.refusals import Table, erased_note
from almanac.feedback.rows import request_of, vote_of
from expectations.feedback import requests_frame, votes_frame
from expectations.runner import validate
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import ConfigError
from schemas.feedback import Request, Vote

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item", Request, Vote)


def log_request(
    lakehouse: str | Lakehouse,
    *,
    question: str,
    response: str,
    context: Sequence[Mapping[str, str]],
    user_id: str,
    session_id: str | None = None,
    history: Sequence[Mapping[str, str]] = (),
    prompt: Sequence[Mapping[str, str]] = (),
    release: int | None = None,
    index_version: str | None = None,
    prompt_version: str | None = None,
    model: str | None = None,
    adapter: str | None = None,
    prompt_tokens: int | None = None,
    completion_tokens: int | None = None,
    latency_ms: float | None = None,
    lang: str | None = None,
    details: Mapping[str, Any] | None = None,
    request_id: str | None = None,
    asked_at: datetime | None = None,
) -> str:
    """Store one answered request; its id, which a vote names.

    Checked as an import checks it. The first call of a process takes seconds, to load the checks.

    Args:
        lakehouse: Where it is, or an open one. Several processes may write to one at a time.
        context: The passages that the model was shown: `{"chunk_id": ..., "text": ...}` each.
        history: Messages before the question; `prompt`: all that the model got. Both are
            `{"role": ..., "content": ...}` each.
        release: The number of Almanac's release that the passages came from.
        details: All else that is worth keeping, as JSON.
        request_id: Unless given, made of the content, so that the same call again adds nothing.
        asked_at: Now unless given; UTC where it has no offset.

    Raises:
        ConfigError: a value breaks a must of the suite `requests`, the id stands for another
            request already, or the user was erased.
    """
    given = {name: value for name, value in locals().items() if name != "lakehouse"}
    values = given | {"asked_at": asked_at or datetime.now(UTC), "details": details or {}}
    if request_id is None:
        values["request_id"] = "made"  # of what the row says, as soon as that is known to be sound
    lake = _open(lakehouse)
    request = _sound(lake, "requests", lambda: request_of(values, {})[0], requests_frame)
    if request_id is None:
        request = replace(request, request_id=f"req-{request.content_hash[:24]}")
    stored = lake.requests.hashes([request.request_id]).get(request.request_id)
    if stored is None:
        lake.requests.append([request])
    elif stored != request.content_hash:
        raise ConfigError(
            f"log_request: another request of the id {request.request_id!r} is stored, and stays; "
            "give each an id of its own, or none"
        )
    return request.request_id


def log_vote(
    lakehouse: str | Lakehouse,
    *,
    request_id: str,
    user_id: str,
    rating: int | bool | str,
    comment: str | None = None,
    correction: str | None = None,
    rated_at: datetime | None = None,
) -> str:
    """Store one user's vote on a request, which may be logged later; the request's id.

    Args:
        lakehouse: Where it is, or an open one. Several processes may write to one at a time.
        rating: 1 or -1, or a spelling of these: up and down, like and dislike, True and False.
        correction: The right answer, where the user wrote one.
        rated_at: Now unless given; UTC where it has no offset. The same vote twice counts once.

    Raises:
        ConfigError: a value breaks a must of the suite `votes`, or the user was erased.
    """
    given = {name: value for name, value in locals().items() if name != "lakehouse"}
    values = given | {"rated_at": rated_at or datetime.now(UTC)}
    lake = _open(lakehouse)
    vote = _sound(lake, "votes", lambda: _vote(values), votes_frame)
    if vote not in lake.votes.rows([vote.request_id], every=True):
        lake.votes.append([vote])
    return vote.request_id


def _vote(values: Mapping[str, Any]) -> Vote:
    vote = vote_of(values, {})
    assert vote is not None  # only a declared scale has ratings that are no votes
    return vote


def _open(lakehouse: str | Lakehouse) -> Lakehouse:
    return open_lakehouse(lakehouse) if isinstance(lakehouse, str) else lakehouse


def _sound(
    lake: Lakehouse,
    table: Table,
    read: Callable[[], Item],
    frame: Callable[[Sequence[Item]], pd.DataFrame],
) -> Item:
    """The item, which keeps every must; raises ConfigError with the first that it breaks."""
    called = f"log_{table.removesuffix('s')}"
    try:
        item = read()
    except Broken as broken:
        raise ConfigError(f"{called}: {broken.note.reason} (found {broken.note.value})") from None
    for _, fault in validate(table, frame([item])).failing:
        if fault.severity == "must":
            raise ConfigError(f"{called}: {fault.reason} (found {fault.value!r})")
    if note := erased_note(lake.erasures.erased(), item):
        raise ConfigError(f"{called}: {note.reason}")
    return item

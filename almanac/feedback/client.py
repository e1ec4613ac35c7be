"""What an application calls to log a request that it answered, and a vote on it.

Both go to the journal of the lakehouse (`almanac.journal`), on the disk when the call returns; they
are stored in Delta by whatever reads them next, by a server, or by `almanac feedback drain`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from almanac.feedback.door import Door
from almanac.feedback.fields import Broken
from almanac.feedback.rows import request_of, vote_of
from expectations.feedback import request_facts, vote_facts
from lakehouse import Lakehouse
from schemas.errors import ConfigError


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
    """Log one answered request; its id, which a vote names. Takes about a millisecond.

    It is on the disk of this machine then, and in the lakehouse after the next drain. Checked here
    as an import checks it, but for what only the lakehouse knows: a request of an id that stands
    there for another is refused by the drain, and is found in `almanac quarantine list`.

    Args:
        lakehouse: Where it is, or an open one. Several processes may log at a time.
        context: The passages that the model was shown: `{"chunk_id": ..., "text": ...}` each.
        history: Messages before the question; `prompt`: all that the model got. Both are
            `{"role": ..., "content": ...}` each.
        release: The number of Almanac's release that the passages came from.
        details: All else that is worth keeping, as JSON.
        request_id: Unless given, made of the content, so that the same call again adds nothing.
        asked_at: Now unless given; UTC where it has no offset.

    Raises:
        ConfigError: a value breaks a must of the suite `requests`, another request of the id waits
            in the journal, or the user was erased.
        StorageUnavailable: the disk of the journal is full, or may not be written to.
    """
    given = {name: value for name, value in locals().items() if name != "lakehouse"}
    values = given | {"asked_at": asked_at or datetime.now(UTC), "details": details or {}}
    if request_id is None:
        values["request_id"] = "made"  # of what the row says, as soon as that is known to be sound
    door = Door.of(lakehouse)
    with _named("log_request"):
        request = request_of(values, {})[0]
        door.check("requests", request, request_facts(request))
        if request_id is None:
            request = replace(request, request_id=f"req-{request.content_hash[:24]}")
        door.journal.append_request(request)
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
    """Log one user's vote on a request, which may be logged later; the request's id.

    Args:
        lakehouse: Where it is, or an open one. Several processes may log at a time.
        rating: 1 or -1, or a spelling of these: up and down, like and dislike, True and False.
        correction: The right answer, where the user wrote one.
        rated_at: Now unless given; UTC where it has no offset. The same vote twice counts once.

    Raises:
        ConfigError: a value breaks a must of the suite `votes`, or the user was erased.
        StorageUnavailable: the disk of the journal is full, or may not be written to.
    """
    given = {name: value for name, value in locals().items() if name != "lakehouse"}
    values = given | {"rated_at": rated_at or datetime.now(UTC)}
    door = Door.of(lakehouse)
    with _named("log_vote"):
        vote = vote_of(values, {})
        assert vote is not None  # only a declared scale has ratings that are no votes
        door.check("votes", vote, vote_facts(vote))
        door.journal.append_vote(vote)
    return vote.request_id


@contextmanager
def _named(called: str) -> Iterator[None]:
    """Say which call was refused, and why."""
    try:
        yield
    except Broken as broken:
        found = f" (found {broken.note.value})" if broken.note.value else ""
        raise ConfigError(f"{called}: {broken.note.reason}{found}") from None
    except ConfigError as error:
        raise ConfigError(f"{called}: {error}") from None

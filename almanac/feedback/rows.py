"""A row of a log as a request or a vote: which column is which field, and what is kept besides."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from functools import cache
from typing import Any, get_type_hints

from almanac.feedback.contents import plain
from almanac.feedback.fields import (
    Broken,
    Read,
    messages,
    moment,
    number,
    passages,
    text,
    texts,
    whole,
)
from almanac.feedback.paths import drop, value_at
from almanac.feedback.scale import NEITHER, Scale
from almanac.feedback.shown import answer_text, as_shown
from almanac.sources.jsonsafe import json_safe
from schemas.errors import ConfigError
from schemas.feedback import SERVED_FIELDS, Request, Vote
from schemas.stored import plain_type

Columns = Mapping[str, str]
REQUEST_FIELDS = tuple(
    field.name for field in fields(Request) if field.name not in ("context_known", *SERVED_FIELDS)
)
VOTE_FIELDS = tuple(field.name for field in fields(Vote) if field.name != "stated")
_OF_VOTES = ("rating", "rated_at", "comment", "correction")
# How a field of `Request` that may be absent is read, by its type; the others are read by name.
_READERS: dict[Any, Callable[[str, Any], Any]] = {
    str: text,
    int: whole,
    float: number,
    datetime: moment,
    tuple[str, ...]: texts,
}
_LONGEST_ID = 512


def check_columns(columns: Columns) -> None:
    """Raises ConfigError where a field is named that neither a request nor a vote has."""
    known = sorted({*REQUEST_FIELDS, *VOTE_FIELDS} - {"details"})
    for name in columns:
        if name not in known:
            raise ConfigError(f"columns: there is no field {name!r}; there are {', '.join(known)}")


def storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the row as plain JSON; raises Broken where that cannot be."""
    try:
        return json_safe(values)
    except ValueError as error:
        raise Broken("row_is_storable", f"the row cannot be stored: {error}") from None


def request_of(
    values: Mapping[str, Any], columns: Columns, read: Read = plain
) -> tuple[Request, dict[str, Any]]:
    """The request of a row, and what the row says of a vote.

    What is no field goes to `details`, but for the number of votes, which later ones change; and so
    do the model's thoughts, and the types of files in the messages. Without a question the last
    words of the user in the prompt are it.

    Args:
        read: makes a text of a message's content; `whole` reads as versions did that took thoughts
            and files for text, for the hashes of what they stored.
    """
    rest = storable(values)
    said = _take(rest, (*REQUEST_FIELDS, *_OF_VOTES), columns)
    rest.pop("n_votes", None)
    if said.get("response") is None:
        raise Broken("response_is_present", "The row has no response: name its column")
    details = said.get("details", {})
    if not isinstance(details, dict):
        raise Broken("details_are_an_object", "details is no object", details)
    details = rest | details
    if read is plain:
        as_shown(said, details)
    request = Request(
        request_id=text("request_id", said.get("request_id")) or "",
        asked_at=moment("asked_at", said.get("asked_at")),
        user_id=text("user_id", said.get("user_id")) or "",
        question=text("question", said.get("question")) or "",
        response=text("response", said["response"]) or "",
        context=passages(said.get("context")),
        context_known=said.get("context") is not None,
        history=messages("history", said.get("history"), read),
        prompt=messages("prompt", said.get("prompt"), read),
        details=details,
        **_optional(said),
    )
    return request, {name: said.get(name) for name in _OF_VOTES}


def _optional(said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with a default that the row has, but for those of a structure of their own."""
    return {
        name: read(name, said[name])
        for name, read in _readers(Request).items()
        if said.get(name) is not None
    }


@cache
def _readers(kind: type[Request]) -> dict[str, Callable[[str, Any], Any]]:
    hints = get_type_hints(kind)
    named = {one.name: plain_type(hints[one.name]) for one in fields(kind)}
    optional = [one.name for one in fields(kind) if one.default is not MISSING]
    return {name: _READERS[named[name]] for name in optional if named[name] in _READERS}


def vote_of(
    values: Mapping[str, Any], columns: Columns, stated: bool = True, scale: Scale | None = None
) -> Vote | None:
    """The vote of a row; None where its rating is declared to be neither like nor dislike."""
    said = _take(storable(values), VOTE_FIELDS, columns)
    meaning = (scale or Scale()).meaning(said.get("rating"))
    if meaning == NEITHER and scale and scale.is_declared:
        return None
    return Vote(
        request_id=text("request_id", said.get("request_id")) or "",
        user_id=text("user_id", said.get("user_id")) or "",
        rated_at=moment("rated_at", said.get("rated_at")),
        rating=meaning,
        comment=text("comment", said.get("comment")) or None,
        correction=text("correction", answer_text(said.get("correction"))) or None,
        stated=stated,
    )


def rating_of(values: Mapping[str, Any], columns: Columns) -> Any:
    """The rating of a row as it stands there; None where there is none."""
    found = value_at(values, columns["rating"]) if "rating" in columns else None
    return values.get("rating") if found is None else found


def named(values: Mapping[str, Any], field: str, columns: Columns) -> str:
    """An id of a row that may be broken elsewhere; empty where it has none that can be used."""
    try:
        said = text(field, _take(storable(values), (field,), columns).get(field))
    except Broken:
        return ""
    return said if said and len(said) <= _LONGEST_ID else ""


def salvaged(raw: str, columns: Columns) -> dict[str, Any]:
    """The ids in a line that is no JSON, as far as they stand there as JSON would have them."""
    found: dict[str, Any] = {}
    for field in ("request_id", "user_id"):
        for name in (columns.get(field, field).rpartition(".")[2], field):
            said = re.search(rf'"{re.escape(name)}"\s*:\s*("[^"\\]+"|\d+)', raw)
            if said and field not in found:
                found[columns.get(field, field)] = json.loads(said[1])
    return found


def _take(rest: dict[str, Any], names: Iterable[str], columns: Columns) -> dict[str, Any]:
    """Take fields out of a row: from the columns named for them, else from those of their name."""
    names = tuple(names)
    mapped = [name for name in names if name in columns]
    found = {name: copy.deepcopy(value_at(rest, columns[name])) for name in mapped}
    for name in mapped:
        # Votes come later and in lists: what such a list holds must not change the request.
        drop(rest, columns[name], whole_lists=name in _OF_VOTES)
    for name in names:
        if found.get(name) is None and name in rest:
            found[name] = rest.pop(name)
    return found

"""Rows that cannot be taken in, on their way to quarantine, and rows there that are mended now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from almanac.feedback.files import Line
from almanac.feedback.rows import Columns, named, salvaged
from almanac.sources.parsed import Note
from lakehouse import Lakehouse
from lakehouse.quarantine import FEEDBACK
from lakehouse.suppression import Suppressed, user_subject
from schemas.documents import Rejection, Severity
from schemas.feedback import Request, Vote
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import LeaseSettings

Table = Literal["requests", "votes"]
CONFLICT = "request_conflict"
ERASED = Note(
    "user_is_not_erased",
    "This user was erased on request. After `almanac erase --user ID --allow` the file may be "
    "imported again.",
)
_REQUEST_ERASED = Note(
    "request_is_not_erased",
    "This request was erased with a document or a user. After `almanac erase --receipt ID --allow` "
    "the file may be imported again; `almanac quarantine list` of documents names receipts.",
)
_CONTENT_ERASED = Note(
    "content_is_not_erased",
    "It shows or tells a passage of a document that was erased. After `almanac erase --receipt ID "
    "--allow` the file may be imported again.",
)
_OF_ERASURES = (ERASED, _REQUEST_ERASED, _CONTENT_ERASED)
_VOTES = f"{FEEDBACK}votes"
_LONGEST_ROW = 2_000
_MANY = 20_000


def conflict_note(first: Request, other: Request) -> Note:
    """Why a request stays out whose id stands for something else already."""
    stored, row = first.as_row(), other.as_row()
    names = [name for name in {**stored, **row} if stored.get(name) != row.get(name)]
    return Note(
        CONFLICT,
        "A request of this id is stored with other content, and the first stays. They differ in: "
        f"{', '.join(names)}. Give each request an id of its own.",
    )


def erased_note(erased: Suppressed, item: Request | Vote) -> Note | None:
    """Why a request or vote may not come back, if it was erased or tells what was."""
    if not erased:
        return None
    if user_subject(item.user_id) in erased:
        return ERASED
    if erased.request(item.request_id):
        return _REQUEST_ERASED
    return _CONTENT_ERASED if erased.any_content(list(_texts(item))) else None


def _texts(item: Request | Vote) -> Iterator[str]:
    if isinstance(item, Vote):
        yield from filter(None, (item.comment, item.correction))
        return
    yield from (item.question, item.response, *(one.text for one in item.context))
    yield from (str(message.get("content", "")) for message in (*item.history, *item.prompt))


@dataclass(frozen=True, slots=True)
class _Held:
    """What of a row of quarantine tells whether it is found again, or mended."""

    source: str
    doc_id: str
    expectation: str
    said: Mapping[str, Any]

    @property
    def same(self) -> tuple[str, ...]:
        """Equal for the same row of a log with the same fault; with an id, wherever it stands."""
        where = self._place if self._is_nameless else ""
        content = self.said.get("sha256", "")
        return (self.source, self.doc_id, self.expectation, where, content)

    @property
    def mended_by(self) -> tuple[str, ...]:
        """What a sound row must be to take its place; see `Refusals.accept`."""
        is_vote, user = self.source == _VOTES, self.said.get("user_id", "")
        if self._is_nameless or (is_vote and not user):
            return (self.source, self._place)
        if self.expectation == CONFLICT:
            return (self.source, self.doc_id, "", self._place.rpartition(":")[0])
        return (self.source, self.doc_id, user if is_vote else "")

    @property
    def _place(self) -> str:
        return str(self.said.get("at", ""))

    @property
    def _is_nameless(self) -> bool:
        return self.doc_id == self._place.rpartition("/")[2]


class Refusals:
    """What one import found wrong. Quarantine is written rarely: only that needs the lease.

    The value of a row there is JSON: `at` (path and line), `sha256` of the row, `found` (what broke
    the rule), and `user_id` and `row` where it can be told whose it is, so that it can be erased.
    """

    def __init__(self, lake: Lakehouse, columns: Columns, lease: LeaseSettings) -> None:
        self._lake, self._columns, self._lease = lake, columns, lease
        self._found: dict[tuple[str, ...], tuple[str, Rejection]] = {}
        self._mended: set[str] = set()
        self._named = False
        self._again: set[str] = set()  # ids of rows that stand open and were found once more
        self._load()

    @property
    def are_many(self) -> bool:
        """Is it time to settle?"""
        return len(self._found) >= _MANY

    @property
    def commonest(self) -> str:
        """The reason that most rows have which are new to quarantine."""
        reasons = Counter(rejection.reason for _, rejection in self._found.values())
        return min(reasons, key=lambda reason: (-reasons[reason], reason), default="")

    @property
    def are_nameless(self) -> bool:
        """Was something refused, and no row of it had a request's id? Then it is another file."""
        return bool(self._found) and not self._named

    def refuse(self, table: Table, line: Line, note: Note, severity: Severity = "must") -> None:
        """One row that breaks a rule."""
        source = FEEDBACK + table
        request_id, value = self._value(line, note)
        self._named |= bool(request_id) or note in _OF_ERASURES
        rejection = note.rejection(request_id or line.label, severity)
        held = _Held(source, rejection.doc_id, rejection.expectation, value)
        if standing := self._standing.get(held.same):
            self._again.add(standing)
        else:
            self._found[held.same] = (source, replace(rejection, value=canonical_json(value)))

    def accept(self, table: Table, line: Line, request_id: str, user_id: str) -> None:
        """One row that is sound: what stood in quarantine in its place is mended."""
        if not self._open:
            return
        source = FEEDBACK + table
        user = user_id if table == "votes" else ""
        file = line.place.rpartition(":")[0]
        for key in (
            (source, line.place),
            (source, request_id, user),
            (source, request_id, "", file),
        ):
            self._mended |= self._open.get(key, set())

    def settle(self, run_id: str, at: datetime) -> None:
        """Write what changed in quarantine; takes no lease where nothing did.

        Raises:
            LeaseHeld: another writer holds the lakehouse for longer than is waited for.
        """
        mended = self._mended - self._again
        if not self._found and not mended:
            return
        with self._lake.lease(
            run_id, "quarantine of feedback", self._lease.ttl_seconds, self._lease.wait_seconds
        ):
            self._lake.quarantine.settle(self._found.values(), mended, run_id, at)
        self._mended.clear()
        self._load()
        self._again |= {self._standing[same] for same in self._found if same in self._standing}
        self._found.clear()

    def _load(self) -> None:
        """What stands open: by what is the same, and by what would mend it."""
        self._standing: dict[tuple[str, ...], str] = {}
        self._open: dict[tuple[str, ...], set[str]] = {}
        for row in self._lake.quarantine.rows(status=None):
            if row.source.startswith(FEEDBACK) and row.status in ("open", "dismissed"):
                held = _Held(row.source, row.doc_id, row.expectation, json.loads(row.value))
                self._standing[held.same] = row.id
                self._open.setdefault(held.mended_by, set()).add(row.id)

    def _value(self, line: Line, note: Note) -> tuple[str, dict[str, Any]]:
        """The request's id, empty where there is none, and what is kept of the row."""
        if note in _OF_ERASURES:
            return "", {"at": line.place}
        row, values = line.raw, line.values
        if line.problem is None:
            row = json.dumps(values, ensure_ascii=False, sort_keys=True, default=str)
        else:
            values = salvaged(line.raw, self._columns)
        row = row.encode("utf-8", "backslashreplace").decode("utf-8")
        value = {"at": line.place, "sha256": sha256_text(row)}
        if user_id := named(values, "user_id", self._columns):
            value |= {"user_id": user_id, "found": note.value, "row": row[:_LONGEST_ROW]}
        return named(values, "request_id", self._columns), value

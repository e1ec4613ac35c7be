"""Requests and votes in batches: read, checked, compared with what is stored, stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from almanac.feedback.contents import whole
from almanac.feedback.fields import Broken
from almanac.feedback.reading import Entry, own_vote
from almanac.feedback.refusals import Refusals, Table, conflict_note, erased_note
from almanac.feedback.rows import Columns, request_of, vote_of
from almanac.feedback.scale import Scale
from almanac.sources.parsed import Note
from expectations.feedback import requests_frame, votes_frame
from expectations.runner import failed_as_a_whole, validate
from lakehouse import Lakehouse
from schemas.errors import VerificationFailed
from schemas.feedback import Request, Vote

if TYPE_CHECKING:
    import pandas as pd

Item = TypeVar("Item", Request, Vote)


@dataclass
class Tally:
    """Rows of the files. `known` ones stand there already, or twice in the files."""

    total: int = 0
    new: int = 0
    known: int = 0
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class _Row(Generic[Item]):
    """What a line became, and what it says besides: of a request's line, the vote in it."""

    entry: Entry
    item: Item
    said: Mapping[str, Any] = field(default_factory=dict)


class Intake:
    """One import on its way; `requests` and `votes` count."""

    def __init__(
        self,
        lake: Lakehouse,
        columns: Columns,
        scale: Scale,
        refusals: Refusals,
        takes_own_votes: bool,
    ) -> None:
        self._lake, self._columns, self._scale, self._refusals = lake, columns, scale, refusals
        self._takes_own_votes = takes_own_votes
        self._erased = lake.erasures.erased()
        self.requests, self.votes = Tally(), Tally()

    @property
    def took_nothing(self) -> bool:
        """Not one row so far is, or was, stored?"""
        return not any(one.new + one.known for one in (self.requests, self.votes))

    def take(self, entries: Sequence[Entry]) -> None:
        """One batch: one commit a table, and none where nothing is new."""
        votes = [entry for entry in entries if entry.table == "votes"]
        votes += self._take_requests(entry for entry in entries if entry.table == "requests")
        self._take_votes(entry for entry in votes if self._takes_own_votes or not entry.is_own)

    def _take_requests(self, entries: Iterable[Entry]) -> list[Entry]:
        """Store new requests; the votes that stand in the lines of all that are sound."""
        rows = self._sound("requests", entries, self._request, requests_frame)
        hashes = self._lake.requests.hashes({row.item.request_id for row in rows}) if rows else {}
        fresh: dict[str, Request] = {}
        others, votes = [], []
        for row in rows:
            request = row.item
            content = request.content_hash
            if request.request_id not in hashes:
                hashes[request.request_id] = content
                fresh[request.request_id] = request
            elif hashes[request.request_id] not in (content, self._earlier_hash(row)):
                others.append(row)
                continue
            else:
                self.requests.known += 1
            self._refusals.accept("requests", row.entry.line, request.request_id, request.user_id)
            votes.append(own_vote(row.entry.line, row.said, request))
        self._lake.requests.append(fresh.values())
        self.requests.new += len(fresh)
        self._refuse_conflicts(others)
        return [vote for vote in votes if vote is not None]

    def _earlier_hash(self, row: _Row[Request]) -> str:
        """The hash of the same line as it was read when thoughts and files were text to it."""
        entry = row.entry
        values = entry.line.values if entry.earlier is None else entry.earlier
        try:
            return request_of(values, {} if entry.is_mapped else self._columns, whole)[
                0
            ].content_hash
        except Broken:
            return ""

    def _refuse_conflicts(self, rows: Sequence[_Row[Request]]) -> None:
        """Rows whose id stands for something else already."""
        ids = {row.item.request_id for row in rows}
        stored = {one.request_id: one for one in self._lake.requests.rows(ids)} if ids else {}
        for row in rows:
            note = conflict_note(stored[row.item.request_id], row.item)
            self._refuse("requests", row.entry, note)

    def _take_votes(self, entries: Iterable[Entry]) -> None:
        rows = self._sound("votes", entries, self._vote, votes_frame)
        ids = {row.item.request_id for row in rows}
        known = set(self._lake.votes.rows(ids, every=True)) if ids else set()
        fresh: dict[Vote, None] = {}
        for row in rows:
            vote = row.item
            if vote in known or vote in fresh:
                self.votes.known += 1
            else:
                fresh[vote] = None
            self._refusals.accept("votes", row.entry.line, vote.request_id, vote.user_id)
        self._lake.votes.append(fresh)
        self.votes.new += len(fresh)

    def _request(self, entry: Entry) -> _Row[Request]:
        columns = {} if entry.is_mapped else self._columns
        request, said = request_of(entry.line.values, columns)
        return _Row(entry, request, said)

    def _vote(self, entry: Entry) -> _Row[Vote] | None:
        columns = {} if entry.is_mapped else self._columns
        vote = vote_of(entry.line.values, columns, entry.stated, self._scale)
        return None if vote is None else _Row(entry, vote)

    def _sound(
        self,
        table: Table,
        entries: Iterable[Entry],
        read: Callable[[Entry], _Row[Item] | None],
        frame: Callable[[Sequence[Item]], pd.DataFrame],
    ) -> list[_Row[Item]]:
        """The rows that can be read and keep every must of the suite; the others are refused."""
        rows: list[_Row[Item]] = []
        for entry in entries:
            try:
                row = self._unless_broken(entry, read)
                rows += [] if row is None else [row]
                self._tally(table).total += row is not None
            except Broken as broken:
                self._tally(table).total += 1
                self._refuse(table, entry, broken.note)
        result = validate(table, frame([row.item for row in rows]))
        if whole := failed_as_a_whole(result):
            raise VerificationFailed("; ".join(check.reason for check in whole))
        told: set[int] = set()
        for at, fault in result.failing:
            if at in told or (fault.severity == "should" and at in result.kept_out):
                continue  # one reason is enough
            told.add(at)
            note = Note(fault.expectation, fault.reason, fault.value)
            self._refuse(table, rows[at].entry, note, fault.severity)
        return [row for at, row in enumerate(rows) if at not in result.kept_out]

    def _unless_broken(
        self, entry: Entry, read: Callable[[Entry], _Row[Item] | None]
    ) -> _Row[Item] | None:
        if entry.line.problem is not None:
            raise Broken.by(entry.line.problem)
        row = read(entry)
        if row and (note := erased_note(self._erased, row.item)):
            raise Broken.by(note)
        return row

    def _refuse(self, table: Table, entry: Entry, note: Note, severity: Any = "must") -> None:
        self._refusals.refuse(table, entry.line, note, severity)
        self._tally(table).quarantined += severity == "must"

    def _tally(self, table: Table) -> Tally:
        return self.requests if table == "requests" else self.votes

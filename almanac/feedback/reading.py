"""All rows of some files, whatever their kind, as lines of requests and of votes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almanac.feedback import genai
from almanac.feedback.exports import export_of, phoenix
from almanac.feedback.files import Line, rows_of
from almanac.feedback.otlp import Event, Span, is_export, log_events, spans
from almanac.feedback.paths import value_at
from almanac.feedback.record import Record
from almanac.feedback.refusals import Table
from almanac.feedback.rows import VOTE_FIELDS, Columns, rating_of
from almanac.feedback.traces import Traces
from schemas.feedback import Request

# What surrounds the rows in the answer of an API.
_ENVELOPE = {"data", "meta", "next_cursor", "nextCursor", "pagination", "total", "cursor"}
_ASKED = ("response", "question", "prompt", "asked_at")
_VOTE = re.compile(
    r"(?:^|[._])(?:feedback|thumbs?|votes?|rating|likes?|liked|stars|reaction)(?:$|[._])",
    re.IGNORECASE,
)
_DEEPEST = 3  # objects within one another
_LONG = 20  # characters: no vote in words


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that says a request or a vote.

    `is_mapped`: its fields have the names of Almanac's already. `stated` is False for a vote whose
    voter is taken to be who asked; `is_own` where it stood in a log of requests, with its request.
    `earlier`: see `Record`.
    """

    line: Line
    table: Table
    is_mapped: bool = False
    stated: bool = True
    earlier: Mapping[str, Any] | None = None
    is_own: bool = False


class Reader:
    """Files of a log of `requests`, or of one of `votes`; spans and exports may hold both.

    A row may need what others say, and a scale is told by all ratings, so files are read twice.
    """

    def __init__(self, traces: Traces, columns: Columns) -> None:
        self._traces, self._columns = traces, columns
        # Whoever names the column of the answer reads the rows by columns alone.
        self._by_columns = "response" in columns
        # The path of a column that seems to be a vote, where rows have no rating.
        self.vote_like = ""

    def index(self, asked: Iterable[Path], voted: Iterable[Path]) -> Iterator[Any]:
        """First, for all files that will be read: what rows need of others. Yields every rating.

        Ratings in the lines of requests are left out where votes have a file of their own.
        """
        voted = list(voted)
        for file in (*asked, *voted):
            for line in _lines(file):
                if line.problem is None:
                    counts = file in voted or not voted
                    yield from self._indexed(line.values, counts)

    def entries(self, files: Iterable[Path], table: Table) -> Iterator[Entry]:
        """Every row of the files, in their order."""
        for file in files:
            for line in _lines(file):
                records = self._records(line.values)
                if records is None:
                    yield Entry(line, "votes" if self._is_vote(line.values) else table)
                    continue
                for record in records:
                    yield self._entry(line, record, table)

    def _is_vote(self, values: Mapping[str, Any]) -> bool:
        """Whether a row says a vote and nothing of what was asked and answered."""
        if rating_of(values, self._columns) is None:
            return False
        return not any(
            value_at(values, self._columns[name]) if name in self._columns else values.get(name)
            for name in _ASKED
        )

    def _indexed(self, values: Mapping[str, Any], counts: bool) -> Iterator[Any]:
        """The ratings of a row, unless they do not count; remembers what others need of it."""
        if traced := _traced(values):
            genai.index(*traced, self._traces, self._columns)
            if phoenix.is_span(values):
                self._traces.add_span(traced[0][0].trace_id, traced[0][0].span_id)
            yield from genai.ratings(*traced, self._columns)
            return
        export = None if self._by_columns else export_of(values)
        if export is None:
            rating = rating_of(values, self._columns) if counts else None
            if rating is None and counts and not self.vote_like:
                self.vote_like = vote_like(values)
            yield from () if rating is None else (rating,)
            return
        export.index(values, self._traces)
        for record in export.records(values, self._traces):
            if record.is_vote and (counts or record.stated):
                yield record.values.get("rating")

    def _records(self, values: Mapping[str, Any]) -> Iterator[Record] | None:
        """What a span or a row of an export says; None for a row of columns."""
        if traced := _traced(values):
            return genai.rows(*traced, self._traces, self._columns)
        export = None if self._by_columns else export_of(values)
        if export is None:
            return None
        return (_mapped(one, values, self._columns) for one in export.records(values, self._traces))

    def _entry(self, line: Line, record: Record, log: Table) -> Entry:
        table: Table = "votes" if record.is_vote else "requests"
        is_own = record.is_vote and not record.stated and log == "requests"
        line = _with(line, record.values)
        return Entry(line, table, True, record.stated, record.earlier, is_own)


def own_vote(line: Line, said: Mapping[str, Any], request: Request) -> Entry | None:
    """The vote that a request's own line has, by who asked; None where it has none."""
    if said.get("rating") is None:
        return None
    values = {"request_id": request.request_id, "user_id": request.user_id, **said}
    values["rated_at"] = said.get("rated_at") or request.asked_at
    return Entry(_with(line, values), "votes", is_mapped=True, stated=False, is_own=True)


def vote_like(values: Mapping[str, Any], prefix: str = "") -> str:
    """The path of the first value that seems to be a vote by its column's name; "" for none."""
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found = vote_like(value, f"{path}.") if path.count(".") < _DEEPEST else ""
        else:
            is_short = isinstance(value, bool | int | float | str) and 0 < len(str(value)) < _LONG
            found = path if is_short and name != "n_votes" and _VOTE.search(path) else ""
        if found:
            return found
    return ""


def _traced(values: Mapping[str, Any]) -> tuple[Sequence[Span], Sequence[Event]] | None:
    """The spans and log records of a row, where it is a trace's."""
    if is_export(values):
        return list(spans(values)), list(log_events(values))
    return ([phoenix.span_of(values)], []) if phoenix.is_span(values) else None


def _lines(file: Path) -> Iterator[Line]:
    """The rows of a file; those of an API's answer are what its `data` lists."""
    for line in rows_of(file):
        inside = line.values.get("data")
        if isinstance(inside, list) and line.values.keys() <= _ENVELOPE:
            for number, values in enumerate(inside, start=1):
                if isinstance(values, dict):
                    yield Line(line.file, number, values)
        else:
            yield line


def _mapped(record: Record, values: Mapping[str, Any], columns: Columns) -> Record:
    """The record with the columns that were named for its fields."""
    names = [name for name in columns if (name in VOTE_FIELDS) or not record.is_vote]
    known = {name: value_at(values, columns[name]) for name in names}
    said = {name: value for name, value in known.items() if value is not None}
    return Record({**record.values, **said}, record.is_vote, record.stated)


def _with(line: Line, values: Mapping[str, Any]) -> Line:
    return Line(line.file, line.number, values)

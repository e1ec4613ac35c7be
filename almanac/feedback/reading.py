"""All rows of some files, whatever their kind, as lines of requests and of votes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from almanac.feedback import genai
from almanac.feedback.files import Line, rows_of
from almanac.feedback.otlp import is_export
from almanac.feedback.refusals import Table
from almanac.feedback.rows import Columns
from almanac.feedback.traces import Traces
from schemas.feedback import Request


@dataclass(frozen=True, slots=True)
class Entry:
    """One line that says a request or a vote.

    `is_mapped`: its fields have the names of Almanac's already. `stated` is False for a vote whose
    voter is taken to be who asked.
    """

    line: Line
    table: Table
    is_mapped: bool = False
    stated: bool = True


class Reader:
    """Files of a log of `requests`, or of one of `votes`; spans in either may hold both.

    Spans need what others say, so every file of spans is read twice.
    """

    def __init__(self, traces: Traces, columns: Columns) -> None:
        self._traces, self._columns = traces, columns

    def index(self, files: Iterable[Path]) -> None:
        """First, for all files that will be read."""
        for file in files:
            lines = rows_of(file)
            first = next(lines, None)
            while first is not None and first.problem is not None:
                first = next(lines, None)
            if first is None or not is_export(first.values):
                continue
            for line in chain([first], lines):
                genai.index(line.values, self._traces, self._columns)

    def entries(self, files: Iterable[Path], table: Table) -> Iterator[Entry]:
        """Every row of the files, in their order."""
        for file in files:
            for line in rows_of(file):
                if is_export(line.values):
                    yield from self._spoken(line)
                else:
                    yield Entry(line, table)

    def _spoken(self, line: Line) -> Iterator[Entry]:
        for spoken in genai.rows(line.values, self._traces, self._columns):
            table: Table = "votes" if spoken.is_vote else "requests"
            yield Entry(_with(line, spoken.values), table, True, spoken.stated)


def own_vote(line: Line, said: Mapping[str, Any], request: Request) -> Entry | None:
    """The vote that a request's own line has, by who asked; None where it has none."""
    if said.get("rating") is None:
        return None
    values = {"request_id": request.request_id, "user_id": request.user_id, **said}
    values["rated_at"] = said.get("rated_at") or request.asked_at
    return Entry(_with(line, values), "votes", is_mapped=True, stated=False)


def _with(line: Line, values: Mapping[str, Any]) -> Line:
    return Line(line.file, line.number, values)

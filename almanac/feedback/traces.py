"""What a span needs to know of others: kept on disk, for they may stand anywhere in the files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from almanac.feedback.otlp import Event

_TABLES = """
    CREATE TABLE answers (trace TEXT, span TEXT, start INTEGER, request TEXT);
    CREATE TABLE found (trace TEXT, start INTEGER, documents TEXT);
    CREATE TABLE people (trace TEXT, name TEXT, value TEXT);
    CREATE TABLE spans (span TEXT, trace TEXT);
    CREATE TABLE events (trace TEXT, span TEXT, event TEXT);
    CREATE INDEX answer ON answers (trace, start);
    CREATE INDEX retrieval ON found (trace, start);
    CREATE INDEX person ON people (trace, name);
    CREATE INDEX place ON spans (span);
    CREATE INDEX said ON events (trace, span);
"""
# The answer that a span is, else the last one of its trace.
_ANSWER = """
    SELECT request FROM answers JOIN spans USING (trace) WHERE spans.span = :span
    ORDER BY answers.span = :span DESC, start DESC, request LIMIT 1
"""
_DOCUMENTS = """
    SELECT documents FROM found WHERE trace = :trace AND start <= :start AND start > coalesce(
        (SELECT max(start) FROM answers WHERE trace = :trace AND start < :start), -1
    ) ORDER BY start, rowid
"""


class Traces:
    """An index over the spans of an import, in a temporary file that goes with it."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("")  # on disk as soon as it outgrows the cache
        self._base.executescript(_TABLES)

    def close(self) -> None:
        """Drop it."""
        self._base.close()

    def add_answer(self, trace: str, span: str, start: int, request_id: str) -> None:
        """A span that answered is that request."""
        row = (trace, span, start, _clean(request_id))
        self._base.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", row)

    def add_documents(self, trace: str, start: int, documents: Iterable[Any]) -> None:
        """What a retrieval found."""
        row = (trace, start, json.dumps(list(documents)))
        self._base.execute("INSERT INTO found VALUES (?, ?, ?)", row)

    def add_person(self, trace: str, name: str, value: str) -> None:
        """The user or session of a trace, from whichever of its spans says so."""
        self._base.execute("INSERT INTO people VALUES (?, ?, ?)", (trace, name, _clean(value)))

    def add_event(self, event: Event) -> None:
        """A log record that belongs to a span."""
        row = (event.trace_id, event.span_id, json.dumps(asdict(event)))
        self._base.execute("INSERT INTO events VALUES (?, ?, ?)", row)

    def request(self, trace: str, span: str) -> str | None:
        """The request that a span is; None where it was not read."""
        sql = "SELECT min(request) FROM answers WHERE trace = ? AND span = ?"
        return self._base.execute(sql, (trace, span)).fetchone()[0]  # type: ignore[no-any-return]

    def add_span(self, trace: str, span: str) -> None:
        """The trace of a span that an annotation may name alone."""
        self._base.execute("INSERT INTO spans VALUES (?, ?)", (span, trace))

    def answer_of_span(self, span: str) -> str | None:
        """The request that a span is or holds; None where it was not read."""
        row = self._base.execute(_ANSWER, {"span": span}).fetchone()
        return None if row is None else str(row[0])

    def documents(self, trace: str, start: int) -> list[Any]:
        """What was retrieved in a trace before an answer, and after the one before it."""
        rows = self._base.execute(_DOCUMENTS, {"trace": trace, "start": start})
        return [one for (documents,) in rows for one in json.loads(documents)]

    def person(self, trace: str, name: str) -> str | None:
        """The user or session of a trace."""
        sql = "SELECT min(value) FROM people WHERE trace = ? AND name = ?"
        return self._base.execute(sql, (trace, name)).fetchone()[0]  # type: ignore[no-any-return]

    def events(self, trace: str, span: str) -> list[Event]:
        """Log records of a span, by time."""
        sql = "SELECT event FROM events WHERE trace = ? AND span = ? ORDER BY rowid"
        rows = self._base.execute(sql, (trace, span))
        found = [Event(**json.loads(event)) for (event,) in rows]
        return sorted(found, key=lambda event: event.at)


def _clean(text: str) -> str:
    """Lone surrogates, which cannot be stored, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")

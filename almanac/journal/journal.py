"""One SQLite file in WAL mode: what was appended is on the disk, in the order it came.

Several processes and threads of one machine may use a journal at a time; each process opens its
own. SQLite's WAL needs shared memory, so the file must be on a local disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import time
from typing import Any, Literal, TypeVar

from almanac.journal.database import open_database, storage_answers, transaction
from almanac.journal.records import request_of_text, request_text, vote_of_text, vote_text
from lakehouse.grouped import Grouped, Waiting
from schemas.errors import ConfigError
from schemas.feedback import Request, Vote

Table = Literal["requests", "votes"]
Item = TypeVar("Item", Request, Vote)
_ALL = 1 << 62
_CONFLICT = (
    "another request of the id {!r} is stored, and stays; give each an id of its own, or none"
)
_INSERT = {
    "requests": "INSERT INTO requests (request_id, user_id, at, record, hash) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (request_id) DO NOTHING",
    "votes": "INSERT INTO votes (request_id, user_id, at, record, hash) VALUES (?, ?, ?, ?, ?)",
}


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits in the journal. `refused`: rows that broke a rule, on their way to quarantine.

    `oldest`: when the first of the requests and votes came; None where there is none.
    """

    requests: int
    votes: int
    refused: int
    oldest: datetime | None

    @property
    def rows(self) -> int:
        """All of them."""
        return self.requests + self.votes + self.refused


@dataclass(frozen=True, slots=True)
class Stored:
    """A row as it stands in the journal; `number` grows, and is never given twice.

    Of a withdrawal, which stands among the votes, `record` is empty.
    """

    number: int
    table: Table
    request_id: str
    user_id: str
    at: float  # seconds since 1970 when it was appended
    record: str

    @property
    def came(self) -> datetime:
        """When it was appended."""
        return datetime.fromtimestamp(self.at, UTC)


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that broke a rule, as quarantine will have it; `severity` is must or should."""

    number: int
    table: Table
    record: str
    expectation: str
    reason: str
    value: str
    severity: str


class Journal:
    """The journal at a path, made where there is none, readable by its owner alone (0600).

    Raises:
        ConfigError: the file is on a disk where SQLite's WAL cannot be, or is no journal.
        StorageUnavailable: the disk is full, or may not be written to; of any method.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writing, self.identity = open_database(self.path)
        self._reading, _ = open_database(self.path)
        self._write_lock, self._read_lock = Lock(), Lock()
        self._commit: Grouped[tuple[Table, tuple[Any, ...]]] = Grouped(self._insert)

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        with self._write_lock, self._read_lock:
            self._writing.close()
            self._reading.close()

    def limit(self, most_bytes: int) -> None:
        """Refuse rows beyond this size of the file, which grows while Delta takes nothing."""
        with self._write_lock, storage_answers(self.path):
            (page,) = self._writing.execute("PRAGMA page_size").fetchone()
            self._writing.execute(f"PRAGMA max_page_count = {max(1, most_bytes // page)}")

    def room(self) -> float:
        """The share of its limit that is free, from 0 to 1."""
        with self._write_lock, storage_answers(self.path):
            names = ("page_count", "freelist_count", "max_page_count")
            total, free, most = (
                int(self._writing.execute(f"PRAGMA {name}").fetchone()[0]) for name in names
            )
        return max(0.0, 1 - (total - free) / most)

    def append_request(self, request: Request) -> None:
        """Store a request; it is on the disk then. The same one again changes nothing.

        Raises:
            ConfigError: another request of its id waits in the journal, or a text of it cannot be
                stored.
        """
        self._append("requests", request, request_text)

    def append_vote(self, vote: Vote) -> None:
        """Store a vote; it is on the disk then. Raises ConfigError as `append_request` does."""
        self._append("votes", vote, vote_text)

    def withdraw_vote(self, request_id: str, user_id: str) -> None:
        """Take back all that a user said of a request until now, wherever it is stored."""
        self._commit(("votes", (request_id, user_id, time(), "", "")))

    def request(self, request_id: str) -> Request | None:
        """A request that waits here; None where there is none, or it is in Delta already."""
        sql = "SELECT record FROM requests WHERE request_id = ?"
        rows = self._rows(sql, (request_id,))
        return request_of_text(rows[0][0]) if rows else None

    def votes(self, request_id: str) -> list[Vote]:
        """The votes on a request that wait here, in the order they came, withdrawn ones left out.

        One that stands in Delta may be withdrawn here: see `withdrawn`.
        """
        sql = "SELECT user_id, record FROM votes WHERE request_id = ? ORDER BY n"
        kept: list[Vote] = []
        for user_id, record in self._rows(sql, (request_id,)):
            if record:
                kept.append(vote_of_text(record))
            else:
                kept = [vote for vote in kept if vote.user_id != user_id]
        return kept

    def withdrawn(self, request_id: str) -> dict[str, datetime]:
        """Users who took back what they said of a request, and when they did it last."""
        sql = "SELECT user_id, max(at) FROM votes WHERE request_id = ? AND record = '' GROUP BY 1"
        rows = self._rows(sql, (request_id,))
        return {user_id: datetime.fromtimestamp(at, UTC) for user_id, at in rows}

    def pending(self) -> Pending:
        """How much waits; costs a look at the file."""
        sql = (
            "SELECT (SELECT count(*) FROM requests), (SELECT count(*) FROM votes), "
            "(SELECT count(*) FROM refused), "
            "(SELECT min(at) FROM (SELECT at FROM requests UNION ALL SELECT at FROM votes))"
        )
        requests, votes, refused, oldest = self._rows(sql)[0]
        came = None if oldest is None else datetime.fromtimestamp(oldest, UTC)
        return Pending(requests, votes, refused, came)

    def first(self, table: Table, count: int, characters: int = _ALL) -> list[Stored]:
        """The first rows of a table in the order they came; they stay.

        At most `count` (all for -1), and no more once `characters` are read.
        """
        sql = f"SELECT n, request_id, user_id, at, record FROM {table} ORDER BY n LIMIT ?"
        found: list[Stored] = []
        read = 0
        with self._read_lock, storage_answers(self.path):
            for number, request_id, user_id, at, record in self._reading.execute(sql, (count,)):
                found.append(Stored(number, table, request_id, user_id, at, record))
                read += len(record)
                if read >= characters:
                    break
        return found

    def settle(self, table: Table, last: int, refused: Sequence[Refused] = ()) -> None:
        """Let go of the rows up to number `last`, and keep what was refused for quarantine."""
        with self._changing() as database:
            database.executemany(
                "INSERT OR REPLACE INTO refused "
                '(n, "table", record, expectation, reason, value, severity) '
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (one.number, one.table, one.record, one.expectation, one.reason, one.value,
                     one.severity)
                    for one in refused
                ],
            )  # fmt: skip
            database.execute(f"DELETE FROM {table} WHERE n <= ?", (last,))

    def refused(self) -> list[Refused]:
        """What waits for quarantine, in the order it came."""
        sql = (
            'SELECT n, "table", record, expectation, reason, value, severity FROM refused '
            'ORDER BY "table", n'
        )
        return [Refused(*row) for row in self._rows(sql)]

    def settle_refused(self, refused: Sequence[Refused]) -> None:
        """Let go of rows that are in quarantine now."""
        with self._changing() as database:
            database.executemany(
                'DELETE FROM refused WHERE n = ? AND "table" = ? AND expectation = ?',
                [(one.number, one.table, one.expectation) for one in refused],
            )

    def forget(self, is_gone: Callable[[Request | Vote], bool], user_id: str | None = None) -> int:
        """Erase rows, bytes and all: those that `is_gone` says, and any of a user; how many.

        A row that cannot be read is kept, unless it is the user's.
        """
        gone: list[tuple[Table, int]] = []
        tables: tuple[Table, Table] = ("requests", "votes")
        for table in tables:
            for row in self.first(table, -1):
                if row.user_id == user_id or _is_gone(row.table, row.record, is_gone):
                    gone.append((table, row.number))
        told = [one for one in self.refused() if _is_gone(one.table, one.record, is_gone)]
        with self._changing() as database:
            for table, number in gone:
                database.execute(f"DELETE FROM {table} WHERE n = ?", (number,))
        self.settle_refused(told)
        self.scrub()
        return len(gone) + len(told)

    def scrub(self) -> bool:
        """Leave no byte of what is gone in any file; False where a reader was in the way."""
        with self._write_lock, storage_answers(self.path):
            busy, _, _ = self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def _append(self, table: Table, item: Item, text: Callable[[Item], tuple[str, str]]) -> None:
        try:
            record, content = text(item)
        except UnicodeEncodeError as error:
            raise ConfigError(f"a text cannot be stored: {error.reason}") from None
        values = (item.request_id, item.user_id, time(), record, content)
        self._commit((table, values))

    def _insert(self, group: Sequence[Waiting[tuple[Table, tuple[Any, ...]]]]) -> None:
        with self._changing() as database:
            for one in group:
                table, values = one.item
                if database.execute(_INSERT[table], values).rowcount:
                    continue
                sql = "SELECT hash FROM requests WHERE request_id = ?"
                (known,) = database.execute(sql, values[:1]).fetchone()
                if known != values[-1]:
                    one.error = ConfigError(_CONFLICT.format(values[0]))

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._read_lock, storage_answers(self.path):
            return self._reading.execute(sql, values).fetchall()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on the disk when its block ends, or leaves nothing."""
        with self._write_lock, storage_answers(self.path), transaction(self._writing):
            yield self._writing


def _is_gone(table: Table, record: str, is_gone: Callable[[Request | Vote], bool]) -> bool:
    if not record:
        return False
    try:
        return is_gone(request_of_text(record) if table == "requests" else vote_of_text(record))
    except ValueError:
        return False

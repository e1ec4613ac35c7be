"""Answers that are kept: each under its question, and under all that made it but the release.

An answer is gone at once, bytes and all, when another one takes its place, when its passages are
not those of a new answer any more, when somebody disliked it and when it is erased. Beyond the
number of answers that are kept, those go that were not given for the longest time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import time
from typing import Any, Literal

from almanac.cache.database import open_database, storage_answers
from almanac.journal.database import transaction
from schemas.hashing import sha256_parts

Why = Literal["replaced", "changed", "disliked", "erased", "old", "crowded", "cleared"]
_COLUMNS = (
    "request_id, partition, same_text, same_words, question, answer, shown, documents, user_id"
)
_NEAR = 20  # answers of the same words that are looked at


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer with what it was made from.

    `request_id` is that of the answer. `same_text` and `same_words` are of `almanac.cache.wording`.
    `shown` are digests of the passages in the order of their numbers, `documents` their (source,
    doc_id).
    """

    request_id: str
    partition: str
    same_text: str
    same_words: str | None
    question: str
    answer: str
    shown: tuple[str, ...]
    documents: tuple[tuple[str, str], ...]
    user_id: str

    @property
    def passages(self) -> str:
        """Equal for the same set of passages."""
        return sha256_parts(*sorted(self.shown))


class AnswerStore:
    """The kept answers of a lakehouse on this machine; several processes may have it open.

    Raises:
        StorageUnavailable: the file cannot be read or written; of any method.
    """

    def __init__(self, path: Path, most: int = 10_000, days: float = 30.0) -> None:
        self.path = path
        self._most, self._seconds = most, days * 86_400
        self._lock = Lock()
        self._database = open_database(path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def same_text(self, partition: str, name: str) -> Kept | None:
        """The answer to the same question; None where none is kept."""
        found = self._kept("partition = ? AND same_text = ?", (partition, name))
        return found[0] if found else None

    def same_words(self, partition: str, name: str) -> list[Kept]:
        """Answers to questions of the same words, the newest first."""
        where = f"partition = ? AND same_words = ? ORDER BY n DESC LIMIT {_NEAR}"
        return self._kept(where, (partition, name))

    def keep(self, one: Kept) -> bool:
        """Keep an answer in the place of an earlier one; False where nothing may be kept.

        That is for the very question and passages whose answer somebody disliked.
        """
        now = time()
        with self._changing() as database:
            disliked = database.execute(
                "SELECT shown FROM disliked WHERE partition = ? AND same_text = ?",
                (one.partition, one.same_text),
            ).fetchone()
            if disliked and disliked[0] == one.passages:
                return False
            _kill(database, "partition = ? AND same_text = ?", (one.partition, one.same_text),
                  "replaced")  # fmt: skip
            shown, documents = json.dumps(one.shown), json.dumps(one.documents)
            values = (one.request_id, one.partition, one.same_text, one.same_words, one.question,
                      one.answer, shown, documents, one.user_id)  # fmt: skip
            database.execute(
                f"INSERT INTO answers ({_COLUMNS}, kept_at, used_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, now, now),
            )
            _count(database, "kept", 1)
            (count,) = database.execute("SELECT count(*) FROM answers").fetchone()
            if count > self._most:
                where = "n IN (SELECT n FROM answers ORDER BY used_at, n LIMIT ?)"
                _kill(database, where, (count - self._most,), "crowded")
        return True

    def given(self, one: Kept, request_id: str) -> bool:
        """Note that an answer is given to a request; False where it has gone meanwhile."""
        with self._changing() as database:
            sql = "UPDATE answers SET used_at = ?, times = times + 1 WHERE request_id = ?"
            if not database.execute(sql, (time(), one.request_id)).rowcount:
                return False
            database.execute("INSERT INTO given VALUES (?, ?)", (request_id, one.request_id))
            _count(database, "given", 1)
        return True

    def changed(self, one: Kept) -> None:
        """Its passages are not those of a new answer any more."""
        self._killed("request_id = ?", (one.request_id,), "changed")

    def disliked(self, request_id: str) -> int:
        """Somebody disliked a request: its answer goes, wherever it was given; how many went."""
        with self._changing() as database:
            sql = "SELECT answer FROM given WHERE request_id = ?"
            found = database.execute(sql, (request_id,)).fetchone()
            named = found[0] if found else request_id
            sql = f"SELECT {_COLUMNS} FROM answers WHERE request_id = ?"
            for one in map(_read, database.execute(sql, (named,)).fetchall()):
                database.execute(
                    "INSERT OR REPLACE INTO disliked VALUES (?, ?, ?, ?)",
                    (one.partition, one.same_text, one.passages, time()),
                )
            return _kill(database, "request_id = ?", (named,), "disliked")

    def requests(self) -> list[str]:
        """Ids of requests a dislike of which makes an answer go."""
        sql = "SELECT request_id FROM answers UNION SELECT request_id FROM given"
        with self._reading() as database:
            return [str(row[0]) for row in database.execute(sql).fetchall()]

    def forget(self, is_gone: Callable[[Kept], bool]) -> int:
        """Erase answers, bytes and all; how many."""
        gone = [one.request_id for one in self._kept("1", ()) if is_gone(one)]
        count = sum(self._killed("request_id = ?", (one,), "erased") for one in gone)
        self.scrub()
        return count

    def tidy(self) -> int:
        """Let go of answers that are too old; how many."""
        with self._changing() as database:
            before = time() - self._seconds
            database.execute("DELETE FROM disliked WHERE at < ?", (before,))
            return _kill(database, "kept_at < ?", (before,), "old")

    def clear(self) -> int:
        """Let go of all answers, and of what is known of dislikes; how many answers."""
        with self._changing() as database:
            database.execute("DELETE FROM disliked")
            count = _kill(database, "1", (), "cleared")
        self.scrub()
        return count

    def scrub(self) -> bool:
        """Leave no byte of what is gone in any file; False where a reader was in the way."""
        with self._lock, storage_answers(self.path):
            busy, _, _ = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def figures(self) -> Mapping[str, Any]:
        """How many answers there are, of how many partitions; what became of all that ever were."""
        sql = "SELECT count(*), count(DISTINCT partition), min(kept_at) FROM answers"
        with self._reading() as database:
            answers, partitions, oldest = database.execute(sql).fetchone()
            rows = database.execute("SELECT name, times FROM figures").fetchall()
        told = {name: int(times) for name, times in rows}
        return {
            "answers": int(answers),
            "partitions": int(partitions),
            "oldest": oldest,
            "kept": told.pop("kept", 0),
            "given": told.pop("given", 0),
            "gone": dict(sorted(told.items())),
            "bytes": self.path.stat().st_size,
        }

    def _kept(self, where: str, values: Sequence[Any]) -> list[Kept]:
        sql = f"SELECT {_COLUMNS} FROM answers WHERE {where}"
        with self._reading() as database:
            return [_read(row) for row in database.execute(sql, values).fetchall()]

    def _killed(self, where: str, values: Sequence[Any], why: Why) -> int:
        with self._changing() as database:
            return _kill(database, where, values, why)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, storage_answers(self.path):
            yield self._database

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is on the disk when its block ends, or leaves nothing."""
        with self._lock, storage_answers(self.path), transaction(self._database):
            yield self._database


def _kill(database: sqlite3.Connection, where: str, values: Sequence[Any], why: Why) -> int:
    sql = f"DELETE FROM given WHERE answer IN (SELECT request_id FROM answers WHERE {where})"
    database.execute(sql, values)
    count = database.execute(f"DELETE FROM answers WHERE {where}", values).rowcount
    _count(database, why, count)
    return count


def _count(database: sqlite3.Connection, name: str, times: int) -> None:
    if times:
        sql = "INSERT INTO figures VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET times = times + ?"
        database.execute(sql, (name, times, times))


def _read(row: Sequence[Any]) -> Kept:
    request_id, partition, text, words, question, answer, shown, documents, user_id = row
    pairs = tuple((source, doc_id) for source, doc_id in json.loads(documents))
    shown = tuple(json.loads(shown))
    return Kept(request_id, partition, text, words, question, answer, shown, pairs, user_id)

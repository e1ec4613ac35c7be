"""The SQLite file of kept answers: how it is made, opened and locked, beside the journal."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from almanac.journal import journal_places
from schemas.errors import StorageUnavailable

_BUSY_MS = 5_000
_FORMAT = 1
NAME = "answers.sqlite"
_TABLES = """
    CREATE TABLE answers (
        n INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE,
        partition TEXT NOT NULL, same_text TEXT NOT NULL, same_words TEXT,
        question TEXT NOT NULL, answer TEXT NOT NULL, shown TEXT NOT NULL, documents TEXT NOT NULL,
        user_id TEXT NOT NULL, kept_at REAL NOT NULL, used_at REAL NOT NULL,
        times INTEGER NOT NULL DEFAULT 0, UNIQUE (partition, same_text)
    );
    CREATE INDEX answers_by_words ON answers (partition, same_words);
    CREATE INDEX answers_by_use ON answers (used_at);
    CREATE TABLE given (request_id TEXT PRIMARY KEY, answer TEXT NOT NULL);
    CREATE INDEX given_of_answer ON given (answer);
    CREATE TABLE disliked (
        partition TEXT NOT NULL, same_text TEXT NOT NULL, shown TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (partition, same_text)
    );
    CREATE TABLE figures (name TEXT PRIMARY KEY, times INTEGER NOT NULL)
"""


def places(lakehouse: str, journal: str | None) -> Sequence[Path]:
    """Every place where answers of a lakehouse may be kept; the first is written to.

    Args:
        lakehouse: its URI as a `Location` has it.
        journal: `serving.journal`.
    """
    return [path.with_name(NAME) for path in journal_places(lakehouse, journal)]


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file, made where there is none, readable by its owner alone (0600).

    What is deleted is overwritten. A file of another format is emptied: it holds nothing that
    cannot be answered again.

    Raises:
        StorageUnavailable: it can't be made or read.
    """
    with storage_answers(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            database.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")  # an erasure stands, whatever happens
            database.execute("PRAGMA secure_delete = ON")
            _make(database)
        except BaseException:
            database.close()
            raise
        return database


def _make(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    (stored,) = database.execute("PRAGMA user_version").fetchone()
    if stored != _FORMAT:
        for name in ("answers", "given", "disliked", "figures"):
            database.execute(f"DROP TABLE IF EXISTS {name}")
        for statement in _TABLES.split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_FORMAT}")
    database.execute("COMMIT")


@contextmanager
def storage_answers(path: Path) -> Iterator[None]:
    """Say in plain words what is wrong with the file or its disk."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StorageUnavailable(
            f"the kept answers {path} cannot be read or written: {error}. Make room on its disk, "
            "or remove the file: answers are made anew then"
        ) from error

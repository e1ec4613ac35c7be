"""The SQLite file of a journal: how it is made, opened and locked."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ConfigError, StorageUnavailable

_BUSY_MS = 15_000  # another process writes, or a drain clears the file
_LOOK_SECONDS = 0.05
_FORMAT = 1
# AUTOINCREMENT: a number is not given again, also when all rows are gone.
_TABLES = """
    CREATE TABLE IF NOT EXISTS requests (
        n INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL UNIQUE,
        user_id TEXT NOT NULL, at REAL NOT NULL, record TEXT NOT NULL, hash TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS votes (
        n INTEGER PRIMARY KEY AUTOINCREMENT, request_id TEXT NOT NULL,
        user_id TEXT NOT NULL, at REAL NOT NULL, record TEXT NOT NULL, hash TEXT NOT NULL
    );
    CREATE INDEX IF NOT EXISTS votes_of_request ON votes (request_id);
    CREATE TABLE IF NOT EXISTS refused (
        "table" TEXT NOT NULL, n INTEGER NOT NULL, expectation TEXT NOT NULL,
        record TEXT NOT NULL, reason TEXT NOT NULL, value TEXT NOT NULL, severity TEXT NOT NULL,
        PRIMARY KEY ("table", n, expectation)
    );
    CREATE TABLE IF NOT EXISTS journal (identity TEXT NOT NULL);
"""


def open_database(path: Path) -> tuple[sqlite3.Connection, str]:
    """Open the file, made with its tables where there is none; and its identity, made once.

    Every commit is on the disk when it returns, and what is deleted is overwritten.

    Raises:
        ConfigError: SQLite's WAL cannot be on that disk, or the file is something else.
        StorageUnavailable: the folder may not be written to, or the disk is full.
    """
    with storage_answers(path):
        _make(path)
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            return database, _prepare(database, path)
        except BaseException:
            database.close()
            raise


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction that is on the disk when its block ends, or leaves nothing."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _make(path: Path) -> None:
    """A file of the owner's alone; SQLite gives the files beside it the same mode."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _prepare(database: sqlite3.Connection, path: Path) -> str:
    database.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    (mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigError(
            f"the journal {path} is on a disk where SQLite cannot keep a write-ahead log: set "
            "serving.journal to a path on a local disk"
        )
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    (stored,) = database.execute("PRAGMA user_version").fetchone()
    if stored > _FORMAT:
        raise ConfigError(
            f"the journal {path} was written by a later version of Almanac (format {stored}, known "
            f"is {_FORMAT}): use that version"
        )
    if stored < _FORMAT:
        database.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            database.execute(statement)
        if database.execute("SELECT 1 FROM journal").fetchone() is None:
            database.execute("INSERT INTO journal VALUES (?)", (secrets.token_hex(8),))
        database.execute(f"PRAGMA user_version = {_FORMAT}")
        database.execute("COMMIT")
    (identity,) = database.execute("SELECT identity FROM journal").fetchone()
    return str(identity)


@contextmanager
def storage_answers(path: Path) -> Iterator[None]:
    """Say in plain words what is wrong with the file or its disk."""
    try:
        yield
    except sqlite3.ProgrammingError as error:  # of Python's own module: no code, nothing damaged
        raise StorageUnavailable(
            f"the journal {path} is closed: its server ends ({error})"
        ) from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise StorageUnavailable(
                f"the journal {path} is full: its disk is, or it holds serving.journal_max_bytes "
                "that could not be stored in the lakehouse, and the server's log says why"
            ) from error
        if isinstance(error, sqlite3.OperationalError):
            raise StorageUnavailable(
                f"the journal {path} cannot be written or read: {error}. Make room on its disk, or "
                "let its owner run this"
            ) from error
        raise ConfigError(
            f"the file {path} is no journal, or is damaged ({error}): move it away, and a new one "
            "is made"
        ) from error
    except OSError as error:
        raise StorageUnavailable(
            f"the journal {path} cannot be made or read: {error.strerror}"
        ) from error


@contextmanager
def only_one(path: Path, wait_seconds: float, what: str = "drain") -> Iterator[bool]:
    """Be the one drain of a journal for a block; False where another was for longer than the wait.

    `what` names the work, where it is another than a drain.
    The lock goes with the process, however it ends.
    """
    with path.with_name(f"{path.name}-{what}").open("a") as file:
        file_number = file.fileno()
        os.fchmod(file_number, 0o600)
        until = time.monotonic() + wait_seconds
        while not (held := _locked(file_number)) and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        yield held


def _locked(file_number: int) -> bool:
    try:
        fcntl.flock(file_number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

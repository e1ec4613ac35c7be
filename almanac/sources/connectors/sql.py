"""Rows of a database: a table or a query, through SQLAlchemy.

All keys are listed each night, so that a row that was deleted is missed and a row that was
committed late, with an old timestamp, is seen. Rows whose stamp changed are fetched.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from pydantic import Field, model_validator

from almanac.sources.access import row_access
from almanac.sources.base import Content, options_of
from almanac.sources.listing import Walk
from almanac.sources.parsed import Note, Unreadable, shown
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import canonical_json, sha256_text
from schemas.sections.base import Section
from schemas.settings import SourceSettings

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_STREAMED = 1_000  # rows that a listing holds in memory
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
_GONE = Note("row_is_there", "it went away, or its key changed, after it was listed")
_BY_KEY: dict[type, Any] = {int: int, str: str, UUID: UUID}  # made of an id again, to ask by it
_TEXTS = (Decimal, UUID, timedelta)


class SqlOptions(Section):
    """The keys of a source of kind sql; `columns` and `access.column` are those of a table."""

    table: str | None = Field(default=None, description="name, or schema.name")
    query: str | None = Field(default=None, description="An SQL query, instead of a table.")
    stamp: tuple[str, ...] = Field(
        default=(),
        description="Columns of which one changes whenever the row does, such as xmin of "
        "PostgreSQL; unless given every row is read and compared whole.",
    )
    password_env: str | None = Field(default=None, description="The variable with the password.")

    @model_validator(mode="after")
    def _one_of_both(self) -> SqlOptions:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either table or query")
        return self


class SqlConnector:
    """One table or query. Raises ConfigError where its address or its keys are wrong."""

    Options = SqlOptions
    decisive: ClassVar[tuple[str, ...]] = ("table", "query")
    stamps_are_content = False
    batch = 500
    at_once = 1

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(SqlOptions, settings)
        self._url = _address(settings.uri, self._options.password_env)
        self._keys = settings.columns.id

    def list(self) -> Listing:
        """Every key with its stamp and who may see the row, as of one moment."""
        walk, seen = Walk(self._settings), set[str]()
        with self._connected() as connection:
            for at, row in enumerate(self._select(connection, self._listed()), 1):
                if any(row[name] is None for name in self._keys):
                    walk.refuse(f"row {at}", Note("id_is_not_blank", "its key is null"))
                    continue
                file = self._file(row)
                if file.path in seen:
                    raise SourceUnavailable(
                        f"{self._name()}: several rows have the key {file.path!r}: name columns "
                        "in columns.id that tell rows apart"
                    )
                seen.add(file.path)
                walk.offer(file)
        return walk.listing()

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The rows as JSON objects."""
        wanted = {file.path for file in files}
        with self._connected() as connection:
            rows = {
                key: row
                for row in self._rows(connection, wanted)
                if (key := self._id(row)) in wanted
            }
        for file in files:
            if file.path in rows:
                data = canonical_json(rows[file.path]).encode()
                yield Content(data, self._name(), "application/jsonl", is_row=True)
            else:
                yield Unreadable.because(_GONE)

    def _rows(self, connection: Connection, ids: set[str]) -> Iterator[dict[str, Any]]:
        """At least the rows of these ids; all of them where a key can't be made of an id."""
        first = next(self._select(connection, self._keys, limit=1), None)
        if first is None:
            return
        of_text = _BY_KEY.get(type(first[self._keys[0]])) if len(self._keys) == 1 else None
        values = None
        if of_text:
            values = [of_text(one) for one in sorted(ids)]
        yield from map(plain_row, self._select(connection, (), values=values))

    def _listed(self) -> tuple[str, ...]:
        """The columns of the listing; none stands for all."""
        if not self._options.stamp:
            return ()
        access = self._settings.access.column
        return tuple(dict.fromkeys([*self._keys, *self._options.stamp, *filter(None, [access])]))

    def _file(self, row: Mapping[str, Any]) -> SourceFile:
        plain, column = plain_row(row), self._settings.access.column
        access, _ = row_access(plain, column)
        stamped = self._options.stamp or sorted(plain.keys() - {column})
        stamp = sha256_text(canonical_json([plain[name] for name in stamped]))[:32]
        return SourceFile(self._id(plain), 0, stamp, "application/jsonl", access)

    def _id(self, row: Mapping[str, Any]) -> str:
        return "/".join(str(row[name]) for name in self._keys)

    def _select(
        self,
        connection: Connection,
        columns: Sequence[str],
        values: Sequence[Any] | None = None,
        limit: int | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        import sqlalchemy as sa

        what: list[Any] = [sa.column(name) for name in columns] or [sa.text("*")]
        statement = sa.select(*what).select_from(self._from())
        if values is not None:
            statement = statement.where(sa.column(self._keys[0]).in_(values))
        if limit:
            statement = statement.limit(limit)
        result = connection.execution_options(yield_per=_STREAMED).execute(statement)
        for row in result.mappings():
            yield dict(row)

    def _from(self) -> Any:
        import sqlalchemy as sa

        if self._options.query is not None:
            return sa.text(f"({self._options.query.strip().rstrip(';')}) AS source_rows")
        schema, _, table = str(self._options.table).rpartition(".")
        return sa.table(table, schema=schema or None)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        import sqlalchemy as sa
        from sqlalchemy.exc import SQLAlchemyError

        is_postgres = self._url.get_backend_name() == "postgresql"
        try:
            engine = sa.create_engine(self._url, poolclass=sa.NullPool)
            with engine.connect() as connection:
                yield connection.execution_options(**(_SNAPSHOT if is_postgres else {}))
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise SourceUnavailable(
                f"{self._name()} cannot be read: {reason}; check uri, table or query, and columns"
            ) from None
        except ImportError as error:
            raise ConfigError(
                f"{self._settings.uri.partition(':')[0]} needs {error.name}: install it"
            ) from None

    def _name(self) -> str:
        """The address without user, password and parameters, then the table."""
        from sqlalchemy import URL

        url = self._url
        kind = url.get_backend_name()
        place = str(URL.create(kind, host=url.host, port=url.port, database=url.database))
        return f"{place}/{self._options.table}" if self._options.table else place


def _address(uri: str, password_env: str | None) -> URL:
    """The address with its driver and its password; raises ConfigError."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(uri)
    except ArgumentError:
        raise ConfigError(
            "the uri of a source of kind sql is no database address: write it as "
            "postgresql://user@host/database or sqlite:///file.db"
        ) from None
    if url.password:
        raise ConfigError("a password stands in the uri: put it into a variable, password_env")
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        raise SourceUnavailable(f"the database {url.database} does not exist: check uri")
    if password_env is None:
        return url
    if password_env not in os.environ:
        raise ConfigError(f"the variable {password_env} (password_env) is not set")
    return url.set(password=os.environ[password_env])


def plain_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with values of JSON alone."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """A value of a database as one of JSON; bytes, which say nothing, as their description."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return f"{len(bytes(value))} bytes, sha256 {sha256_text(bytes(value).hex())[:16]}"
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value) if isinstance(value, _TEXTS) else shown(str(value))

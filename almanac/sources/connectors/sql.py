"""Rows of a database: a table or a query, through SQLAlchemy.

All keys are listed each night, so that a row that was deleted is missed and a row that was
committed late, with an old timestamp, is seen. Rows whose stamp changed are fetched.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from pydantic import Field, model_validator

from almanac.sources.base import ConnectorBase, Content, options_of
from almanac.sources.keyed_rows import KeyedRows
from almanac.sources.parsed import Unreadable, shown
from schemas.documents import Listing, SourceFile
from schemas.errors import ConfigError, SourceUnavailable
from schemas.hashing import sha256_text
from schemas.sections.base import Section
from schemas.settings import SourceSettings

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

_STREAMED = 1_000  # rows that a listing holds in memory
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
# Made of an id again, to ask by it.
_BY_KEY: dict[type, Any] = {
    int: int, str: str, UUID: UUID, Decimal: Decimal,
    date: date.fromisoformat, datetime: datetime.fromisoformat,
}  # fmt: skip
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


class SqlConnector(ConnectorBase):
    """One table or query. Raises ConfigError where its address or its keys are wrong."""

    Options = SqlOptions
    decisive: ClassVar[tuple[str, ...]] = ("table", "query")
    batch = 500

    def __init__(self, settings: SourceSettings) -> None:
        self._settings = settings
        self._options = options_of(SqlOptions, settings)
        self._url = _address(settings.uri, self._options.password_env)
        self._keys = settings.columns.id
        self._rows = KeyedRows(settings, self._name(), self._options.stamp)

    def list(self) -> Listing:
        """Every key with its stamp and who may see the row, as of one moment."""
        with self._connected() as connection:
            return self._rows.listing(map(plain_row, self._select(connection, self._listed())))

    def fetch(self, files: Sequence[SourceFile]) -> Iterator[Content | Unreadable]:
        """The rows as JSON objects."""
        with self._connected() as connection:
            ids = sorted({file.path for file in files})
            rows = list(self._rows.contents(files, self._asked(connection, ids)))
        yield from rows

    def _asked(self, connection: Connection, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
        """At least the rows of these ids; all of them where a key can't be made of an id."""
        first = next(self._select(connection, self._keys, limit=1), None)
        if first is not None:
            types = [type(first[name]) for name in self._keys]
            yield from map(plain_row, self._select(connection, (), keys=_keys_of(ids, types)))

    def _listed(self) -> tuple[str, ...]:
        """The columns of the listing; none stands for all."""
        if not self._options.stamp:
            return ()
        access = self._settings.access.column
        return tuple(dict.fromkeys([*self._keys, *self._options.stamp, *filter(None, [access])]))

    def _select(
        self,
        connection: Connection,
        columns: Sequence[str],
        keys: Sequence[tuple[Any, ...]] | None = None,
        limit: int | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        import sqlalchemy as sa

        what: list[Any] = [sa.column(name) for name in columns] or [sa.text("*")]
        statement = sa.select(*what).select_from(self._from())
        if keys is not None:
            named: list[Any] = [sa.column(name) for name in self._keys]
            wanted = sa.or_(*(sa.and_(*map(operator.eq, named, key)) for key in keys))
            if len(named) == 1:
                wanted = named[0].in_([key[0] for key in keys])
            statement = statement.where(wanted)
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


def _keys_of(ids: Sequence[str], types: Sequence[type]) -> list[tuple[Any, ...]] | None:
    """The values of the key columns that ids are made of; None where that can't be told."""
    keys = []
    for one in ids:
        parts = [one] if len(types) == 1 else one.split("/")
        if len(parts) != len(types):
            return None
        try:
            keys.append(tuple(_BY_KEY[kind](part) for kind, part in zip(types, parts, strict=True)))
        except (KeyError, ValueError, ArithmeticError):
            return None
    return keys


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

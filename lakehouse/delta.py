"""The rows of one Delta table: created on first write, queried with SQL."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from lakehouse.damage import table_sentence
from lakehouse.memory import allowed
from lakehouse.table import TransactionTaken, storage_errors
from lakehouse.vacuum import ClearedTable
from schemas.errors import LakehouseDamaged
from schemas.tables.releases import SEALED_TABLES

__all__ = ["DeltaLog", "TransactionTaken", "storage_errors"]
_STREAMED = 2_000  # rows in one batch of a long answer, of some 3 kB each


@cache
def _database() -> Any:
    """One engine for the process: starting one costs more than most questions that it is asked."""
    import duckdb

    options: dict[str, Any] = {"temp_directory": tempfile.gettempdir()}
    database = duckdb.connect(config=options)
    atexit.register(_close)  # else its bindings complain when the process ends
    return database


def _close() -> None:
    _database().close()
    _database.cache_clear()


class DeltaLog(ClearedTable):
    """One table of `schemas.tables`, append-only in daily life."""

    def append(
        self, rows: pa.Table | Sequence[dict[str, Any]], transaction: tuple[str, int] | None = None
    ) -> None:
        """Add rows in one commit; nothing at all for no rows.

        Raises:
            TransactionTaken: `transaction` (name, number) or a later one was committed already.
        """
        self._write(rows, "append", transaction)

    def append_stream(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Add rows in one commit, a part at a time in memory; nothing at all for no rows."""
        with self.reading():
            self._append_stream(batches)

    def _append_stream(self, batches: Iterable[pa.RecordBatch]) -> None:
        from deltalake import write_deltalake

        parts = (self._aligned(pa.Table.from_batches([batch])) for batch in batches)
        first = next(parts, None)
        if first is None:
            return
        flat = (batch for part in chain([first], parts) for batch in part.to_batches())
        reader = pa.RecordBatchReader.from_batches(first.schema, flat)
        delta = self._open_or_create()
        marks = self._marks(delta, None)
        write_deltalake(delta, reader, mode="append", schema_mode="merge", **marks)

    def replace(
        self, rows: pa.Table | Sequence[dict[str, Any]], transaction: tuple[str, int] | None = None
    ) -> None:
        """Make `rows` the whole content, in one commit; raises as `append` does."""
        self._write(rows, "overwrite", transaction)

    def delete(self, predicate: str) -> None:
        """Remove the rows that match an SQL predicate."""
        rewritten = self._rewritten()
        if self.exists():
            self._commit(
                lambda delta, marks: delta.delete(predicate, writer_properties=rewritten, **marks)
            )

    def delete_matching(self, keys: pa.Table) -> None:
        """Remove the rows that agree with a row of `keys` in all of its columns."""
        if not keys.num_rows or not self.exists():
            return
        same = " AND ".join(f"t.{name} = s.{name}" for name in keys.column_names)
        rewritten = self._rewritten()

        def drop(delta: Any, marks: Any) -> None:
            merge = delta.merge(
                keys, same, source_alias="s", target_alias="t", writer_properties=rewritten, **marks
            )
            merge.when_matched_delete().execute()

        self._commit(drop)

    def query(self, sql: str, **tables: pa.Table) -> pa.Table:
        """Run SQL over this table, named `log`, and any Arrow `tables` given by name.

        Every column that is declared is there, also before the first write and in a table that was
        made before the column: then each row has its default. Columns that are not declared, which
        a later version made, are there as they are.
        """
        with self._connected(tables) as connection:
            return connection.sql(sql).to_arrow_table()

    def stream(self, sql: str, **tables: pa.Table | pads.Dataset) -> Iterator[pa.RecordBatch]:
        """The answer to `sql` in parts, in bounded memory; see `query`."""
        with self._connected(tables) as connection:
            yield from connection.sql(sql).to_arrow_reader(_STREAMED)

    @contextmanager
    def _connected(self, tables: dict[str, Any]) -> Iterator[Any]:
        with self.reading(), _database().cursor() as connection:
            connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
            connection.execute(f"SET memory_limit = '{allowed().database >> 20}MiB'")
            connection.register("stored_log", self.dataset())
            connection.execute(f"CREATE TEMP VIEW log AS {self._with_defaults()} FROM stored_log")
            for name, table in tables.items():
                connection.register(name, table)
            yield connection

    def dataset(self) -> pads.Dataset:
        """The present rows as an Arrow dataset; a declared column that is absent is null."""
        if not self.exists():
            self._check_never_written()
            return pads.dataset(self.schema.empty_table())
        with self.reading():
            found = self._open().to_pyarrow_dataset()
        absent = [field for field in self.schema if field.name not in found.schema.names]
        if not absent:
            return found
        return found.replace_schema(pa.schema([*found.schema, *map(_nullable, absent)]))

    def check(self, *, read: bool) -> None:
        """Look whether the table can be read: by its files, and with `read` by every value.

        Raises:
            LakehouseDamaged: it can't; the message says what is wrong.
        """
        if not self.exists():
            self._check_never_written()
        if reason := self.fault():
            raise LakehouseDamaged(table_sentence(self.name, reason))
        if read:
            with self.reading():
                for _ in self.dataset().to_batches():
                    continue

    def _check_never_written(self) -> None:
        """Raise LakehouseDamaged where the log of a table is gone that was sealed once."""
        if self.name not in SEALED_TABLES:
            return
        hashes = DeltaLog(self._location, "sealed_files")
        sql = f"SELECT 1 FROM log WHERE starts_with(path, '{self._folder}/') LIMIT 1"
        try:
            known = hashes.query(sql).num_rows
        except LakehouseDamaged:  # a cache: the next writer makes it anew
            return
        if known:
            raise LakehouseDamaged(table_sentence(self.name, "its log is missing"))

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The present rows, of these columns; all that are stored unless given."""
        names = ", ".join(f'"{name}"' for name in columns) if columns else "*"
        return self.query(f"SELECT {names} FROM log")

    def _write(
        self,
        rows: pa.Table | Sequence[dict[str, Any]],
        mode: Any,
        transaction: tuple[str, int] | None,
    ) -> None:
        from deltalake import write_deltalake

        table = rows if isinstance(rows, pa.Table) else self._table_of(rows)
        if not table.num_rows:
            return
        cast = self._aligned(table)
        # "merge": columns that were added since the table was made.
        self._commit(
            lambda delta, marks: write_deltalake(
                delta, cast, mode=mode, schema_mode="merge", **marks
            ),
            transaction,
        )

    def _table_of(self, rows: Sequence[dict[str, Any]]) -> pa.Table:
        """Rows as a table; columns of a later version, which they were read with, among them."""
        schema = self.schema
        if {name for row in rows for name in row} - set(schema.names):
            stored = self.dataset().schema
            extra = [stored.field(name) for name in stored.names if name not in schema.names]
            schema = pa.schema([*schema, *extra])
        return pa.Table.from_pylist(list(rows), schema)

    def _aligned(self, table: pa.Table) -> pa.Table:
        """The declared columns in their order and of their types, then those of a later version."""
        missing = [field for field in self.schema if field.name not in table.column_names]
        for field in missing:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
        extra = [
            table.schema.field(name) for name in table.column_names if name not in self.schema.names
        ]
        target = pa.schema([*self.schema, *map(_nullable, extra)])
        return table.select(target.names).cast(target)

    def _with_defaults(self) -> str:
        """Select everything, the defaults of declared columns where nothing is stored."""
        given = [
            f'coalesce("{one.name}", {_literal(one.stored(one.default))}) AS "{one.name}"'
            for one in self.stored.columns.values()
            if not one.required and one.default is not None
        ]
        return f"SELECT * REPLACE ({', '.join(given)})" if given else "SELECT *"


def _nullable(field: pa.Field) -> pa.Field:
    return field.with_nullable(True)


def _literal(value: Any) -> str:
    """A default as SQL writes it."""
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return "'" + str(value).replace("'", "''") + "'"

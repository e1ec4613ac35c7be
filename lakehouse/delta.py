"""One Delta table: opened late, created on first write, queried with SQL."""

from __future__ import annotations

import atexit
import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from lakehouse.files import Files
from lakehouse.guard import WRITER
from lakehouse.location import Location
from schemas.errors import LeaseHeld
from schemas.tables import DELTA_TABLES, PARTITIONS, STATISTICS, UNLEASED

# Log clean-up and vacuum are policy (retention), never a side effect of writing.
_KEPT = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
_FOREVER = dict.fromkeys(_KEPT, "interval 36500 days")
_LOG_FILE = re.compile(r"/_delta_log/(\d{20})\.(json|checkpoint\.parquet)$")
_PATH = re.compile(r'"path":"([^"]+)"')
_MEMORY = "1GB"  # of one query; what is more goes to temporary files
_FILES = 32  # of data or of log, from which on a table is written together
_STREAMED = 10_000  # rows in one batch of a long answer
_OPENINGS = 3
_UNDER_WAY = timedelta(minutes=1)  # longer than a commit takes
_ATTEMPTS = 10  # to commit where others commit at the same time


@cache
def _database() -> Any:
    """One engine for the process: starting one costs more than most questions that it is asked."""
    import duckdb

    options: dict[str, Any] = {"memory_limit": _MEMORY, "temp_directory": tempfile.gettempdir()}
    database = duckdb.connect(config=options)
    atexit.register(_close)  # else its bindings complain when the process ends
    return database


def _close() -> None:
    _database().close()
    _database.cache_clear()


class TransactionTaken(Exception):
    """Another writer committed under this name and number first."""


def storage_errors() -> tuple[type[Exception], ...]:
    """What is raised where storage does not answer as it should."""
    from deltalake.exceptions import DeltaError

    return (OSError, DeltaError)


def _opened(open_table: Callable[[], Any]) -> Any:
    """Open a table; once more where its log was cleared, or it was created, just then."""
    from deltalake.exceptions import DeltaError, TableNotFoundError

    for _ in range(_OPENINGS):
        try:
            return open_table()
        except TableNotFoundError:
            raise
        except DeltaError:
            continue
    return open_table()


class DeltaLog:
    """One table of `schemas.tables`, append-only in daily life."""

    def __init__(self, location: Location, name: str) -> None:
        self.name = name
        self.schema = DELTA_TABLES[name]
        self._folder = f"delta/{name}"
        self._uri = location.child("delta", name)
        self._options = location.delta_options
        self._files = Files(location)
        self._guard = None if name in UNLEASED else location.guard

    def exists(self) -> bool:
        """Has anything ever been written?"""
        from deltalake import DeltaTable

        return DeltaTable.is_deltatable(self._uri, storage_options=self._options)

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
        from deltalake import write_deltalake

        parts = (pa.Table.from_batches([batch]).cast(self.schema) for batch in batches)
        first = next(parts, None)
        if first is None:
            return
        flat = (batch for part in chain([first], parts) for batch in part.to_batches())
        reader = pa.RecordBatchReader.from_batches(self.schema, flat)
        delta = self._open_or_create()
        marks = self._marks(delta, None)
        write_deltalake(delta, reader, mode="append", **marks)

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

    def fence(self) -> None:
        """Leave the mark of the present lease: no writer of an earlier one commits after it."""
        self._set(_FOREVER)

    def transaction_version(self, name: str) -> int:
        """The last number committed under `name`; 0 before the first."""
        if not self.exists():
            return 0
        return self._open().transaction_version(name) or 0

    def query(self, sql: str, **tables: pa.Table) -> pa.Table:
        """Run SQL over this table, named `log`, and any Arrow `tables` given by name.

        Before the first write the table is empty and the answer has its columns all the same.
        """
        with self._connected(tables) as connection:
            return connection.sql(sql).to_arrow_table()

    def stream(self, sql: str, **tables: pa.Table | pads.Dataset) -> Iterator[pa.RecordBatch]:
        """The answer to `sql` in parts, in bounded memory; see `query`."""
        with self._connected(tables) as connection:
            yield from connection.sql(sql).to_arrow_reader(_STREAMED)

    @contextmanager
    def _connected(self, tables: dict[str, Any]) -> Iterator[Any]:
        with _database().cursor() as connection:
            connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
            connection.register("log", self.dataset())
            for name, table in tables.items():
                connection.register(name, table)
            yield connection

    def dataset(self) -> pads.Dataset:
        """The present rows as an Arrow dataset."""
        if not self.exists():
            return pads.dataset(self.schema.empty_table())
        return self._open().to_pyarrow_dataset()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The present rows."""
        names = ", ".join(f'"{name}"' for name in columns or self.schema.names)
        return self.query(f"SELECT {names} FROM log")

    def files(self) -> list[str]:
        """Paths inside the lakehouse of all that reading the present rows needs."""
        if not self.exists():
            return []
        added = pa.table(self._open().get_add_actions())["path"].to_pylist()
        logs = [found for path in self._files.sizes(f"{self._folder}/_delta_log")
                if (found := _LOG_FILE.search("/" + path))]  # fmt: skip
        start = max((found[1] for found in logs if found[2] != "json"), default="")
        needed = [
            found for found in logs
            if (found[1] > start if found[2] == "json" else found[1] == start)
        ]  # fmt: skip
        paths = [f"{self._folder}/{path}" for path in added]
        return sorted(paths + [found.string[1:] for found in needed])

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

    def tidy(self, grace: timedelta) -> None:
        """Write many small files together, and clear what reading needs no more.

        Files and log entries younger than `grace` stay until the next time.
        """
        if not self.exists():
            return
        if self._open().get_add_actions().num_rows > _FILES:
            rewritten = self._rewritten()
            self._commit(
                lambda delta, marks: delta.optimize.compact(writer_properties=rewritten, **marks)
            )
        logs = self._files.sizes(f"{self._folder}/_delta_log")
        if len(logs) > _FILES or not grace:
            self.forget_history(grace)

    def forget_history(self, grace: timedelta = timedelta(0)) -> None:
        """Leave nothing but the present rows: no older file and no older entry of the log."""
        if not self.exists():
            return
        self._vacuum(grace)
        if not self._guard:  # who writes a row now needs the last entries
            grace = max(grace, _UNDER_WAY)
        self._set(dict.fromkeys(_KEPT, f"interval {math.ceil(grace.total_seconds() / 60)} minutes"))
        table = self._open()
        table.create_checkpoint()
        table.cleanup_metadata()
        self._set(_FOREVER)

    def _vacuum(self, grace: timedelta) -> None:
        """Clear files that were removed at least `grace` ago, then those that no log ever named."""
        hours = math.ceil(grace.total_seconds() / 3600)
        # Of a table that others write to now, a new file without a name may be named at any moment.
        unnamed = hours if self._guard else max(hours, 1)
        self._vacuumed(hours, full=False)
        self._vacuumed(unnamed, full=True)

    def _vacuumed(self, hours: int, *, full: bool) -> None:
        self._commit(
            lambda delta, marks: delta.vacuum(
                retention_hours=hours,
                enforce_retention_duration=False,
                dry_run=False,
                full=full,
                **marks,
            )
        )

    def _set(self, properties: dict[str, str]) -> None:
        self._commit(lambda delta, marks: delta.alter.set_table_properties(properties, **marks))

    def strays(self) -> list[str]:
        """Paths of data files that the table's log never named: a writer was killed there.

        None of a table that others write to now, which are about to name theirs; retention clears
        those there once they are old.
        """
        if not self._guard or not self.exists():
            return []
        sizes = self._files.sizes(self._folder)
        data = {path for path in sizes if path.endswith(".parquet") and "/_delta_log/" not in path}
        unnamed = data - set(self.files())
        return sorted(unnamed - self._once_named(sizes)) if unnamed else []

    def _once_named(self, sizes: Iterable[str]) -> set[str]:
        """Paths of files that an entry of the log adds or removes."""
        import pyarrow.parquet as pq

        named: set[str] = set()
        for path in sizes:
            found = _LOG_FILE.search(path)
            if found and found[2] == "json":
                lines = self._files.read(path).decode("utf-8")
                named.update(_PATH.findall(lines))
            elif found:
                entries = pq.read_table(pa.BufferReader(self._files.read(path)))
                for action in ("add", "remove"):
                    rows = entries[action].to_pylist()
                    named.update(row["path"] for row in rows if row and row["path"])
        return {f"{self._folder}/{path}" for path in named}

    def _rewritten(self) -> Any:
        """How Delta is to write rows again that it read itself.

        It writes string views, with whose statistics pyarrow can't compare; and where its one own
        column has no statistics, pyarrow's reader takes that for null.
        """
        from deltalake import ColumnProperties, WriterProperties

        own = ColumnProperties(statistics_enabled="CHUNK")
        return WriterProperties(
            compression="SNAPPY",
            default_column_properties=ColumnProperties(statistics_enabled="NONE"),
            column_properties={STATISTICS[self.name]: own},
        )

    def _open(self) -> Any:
        from deltalake import DeltaTable

        return _opened(lambda: DeltaTable(self._uri, storage_options=self._options))

    def _open_or_create(self) -> Any:
        from deltalake import DeltaTable

        configuration = _FOREVER | {"delta.dataSkippingStatsColumns": STATISTICS[self.name]}
        return _opened(
            lambda: DeltaTable.create(
                self._uri,
                schema=self.schema,
                mode="ignore",
                partition_by=PARTITIONS.get(self.name),
                configuration=configuration,
                storage_options=self._options,
            )
        )

    def _write(
        self,
        rows: pa.Table | Sequence[dict[str, Any]],
        mode: Any,
        transaction: tuple[str, int] | None,
    ) -> None:
        from deltalake import write_deltalake

        table = (
            rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), self.schema)
        )
        if not table.num_rows:
            return
        cast = table.cast(self.schema)
        # "merge": columns that were added since the table was made.
        self._commit(
            lambda delta, marks: write_deltalake(
                delta, cast, mode=mode, schema_mode="merge", **marks
            ),
            transaction,
        )

    def _commit(
        self, change: Callable[[Any, Any], object], transaction: tuple[str, int] | None = None
    ) -> None:
        """Call `change` with the newest state and what its commit must bear.

        Looked at and written through one handle: Delta refuses what was committed in between, and
        then it is looked at anew.
        """
        from deltalake.exceptions import CommitFailedError

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                delta = self._open_or_create()
                change(delta, self._marks(delta, transaction))
                return
            except CommitFailedError:
                if attempt == _ATTEMPTS:
                    raise

    def _marks(self, delta: Any, transaction: tuple[str, int] | None) -> dict[str, Any]:
        """What a commit bears: the number of the transaction, and that of the lease if any.

        Raises:
            TransactionTaken: the transaction, or a later one, was committed already.
            LeaseHeld: the lease was lost.
        """
        from deltalake import CommitProperties, PostCommitHookProperties, Transaction

        marks = [Transaction(*transaction)] if transaction else []
        if transaction and (delta.transaction_version(transaction[0]) or 0) >= transaction[1]:
            raise TransactionTaken(f"{transaction[0]} {transaction[1]} of {self.name}")
        number = self._guard.number if self._guard else None
        if self._guard and number is not None:
            self._guard.check()
            if (delta.transaction_version(WRITER) or 0) > number:
                raise LeaseHeld(f"another writer took over and works on {self.name} by now")
            marks.append(Transaction(WRITER, number))
        return {
            "commit_properties": CommitProperties(app_transactions=marks or None),
            "post_commithook_properties": PostCommitHookProperties(cleanup_expired_logs=False),
        }

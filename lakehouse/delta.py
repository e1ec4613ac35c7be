"""One Delta table: opened late, created on first write, queried with SQL."""

from __future__ import annotations

import atexit
import math
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from lakehouse.files import Files
from lakehouse.location import Location
from schemas.tables import DELTA_TABLES, PARTITIONS, STATISTICS

# Log clean-up and vacuum are policy (retention), never a side effect of writing.
_KEPT = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
_FOREVER = dict.fromkeys(_KEPT, "interval 36500 days")
_LOG_FILE = re.compile(r"/_delta_log/(\d{20})\.(json|checkpoint\.parquet)$")
_PATH = re.compile(r'"path":"([^"]+)"')
_MEMORY = "1GB"  # of one query; what is more goes to temporary files
_FILES = 32  # of data or of log, from which on a table is written together
_STREAMED = 10_000  # rows in one batch of a long answer


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


class DeltaLog:
    """One table of `schemas.tables`, append-only in daily life."""

    def __init__(self, location: Location, name: str) -> None:
        self.name = name
        self.schema = DELTA_TABLES[name]
        self._folder = f"delta/{name}"
        self._uri = location.child("delta", name)
        self._options = location.delta_options
        self._files = Files(location)

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
        write_deltalake(self._open_or_create(), reader, mode="append")

    def replace(
        self, rows: pa.Table | Sequence[dict[str, Any]], transaction: tuple[str, int] | None = None
    ) -> None:
        """Make `rows` the whole content, in one commit; raises as `append` does."""
        self._write(rows, "overwrite", transaction)

    def delete(self, predicate: str) -> None:
        """Remove the rows that match an SQL predicate."""
        if self.exists():
            self._open().delete(predicate, writer_properties=self._rewritten())

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
        merge = self._open().merge(
            keys, same, source_alias="s", target_alias="t", writer_properties=self._rewritten()
        )
        merge.when_matched_delete().execute()

    def tidy(self, grace: timedelta) -> None:
        """Write many small files together, and clear what reading needs no more.

        Files and log entries younger than `grace` stay until the next time.
        """
        if not self.exists():
            return
        if self._open().get_add_actions().num_rows > _FILES:
            self._open().optimize.compact(writer_properties=self._rewritten())
        logs = self._files.sizes(f"{self._folder}/_delta_log")
        if len(logs) > _FILES or not grace:
            self.forget_history(grace)

    def forget_history(self, grace: timedelta = timedelta(0)) -> None:
        """Leave nothing but the present rows: no older file and no older entry of the log."""
        if not self.exists():
            return
        self._open().vacuum(
            retention_hours=math.ceil(grace.total_seconds() / 3600),
            enforce_retention_duration=False,
            dry_run=False,
            full=True,
        )
        kept = dict.fromkeys(_KEPT, f"interval {math.ceil(grace.total_seconds() / 60)} minutes")
        self._open().alter.set_table_properties(kept)
        table = self._open()
        table.create_checkpoint()
        table.cleanup_metadata()
        self._open().alter.set_table_properties(_FOREVER)

    def strays(self) -> list[str]:
        """Paths of data files that the table's log never named: a writer was killed there."""
        if not self.exists():
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

        return DeltaTable(self._uri, storage_options=self._options)

    def _open_or_create(self) -> Any:
        from deltalake import DeltaTable

        return DeltaTable.create(
            self._uri,
            schema=self.schema,
            mode="ignore",
            partition_by=PARTITIONS.get(self.name),
            configuration=_FOREVER | {"delta.dataSkippingStatsColumns": STATISTICS[self.name]},
            storage_options=self._options,
        )

    def _write(
        self,
        rows: pa.Table | Sequence[dict[str, Any]],
        mode: Any,
        transaction: tuple[str, int] | None,
    ) -> None:
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import CommitFailedError

        table = (
            rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), self.schema)
        )
        if not table.num_rows:
            return
        # Looked at and written through one handle: Delta refuses what was committed in between.
        delta = self._open_or_create()
        if transaction and (delta.transaction_version(transaction[0]) or 0) >= transaction[1]:
            raise TransactionTaken(f"{transaction[0]} {transaction[1]} of {self.name}")
        marks = [Transaction(*transaction)] if transaction else None
        properties = CommitProperties(app_transactions=marks)
        try:
            write_deltalake(
                delta,
                table.cast(self.schema),
                mode=mode,
                schema_mode="merge",  # columns that were added since the table was made
                commit_properties=properties,
            )
        except CommitFailedError as error:
            if not transaction:
                raise
            raise TransactionTaken(f"{transaction[0]} {transaction[1]} of {self.name}") from error

"""One Delta table: opened late, created on first write, queried with SQL."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from lakehouse.files import Files
from lakehouse.location import Location
from schemas.tables import DELTA_TABLES, PARTITIONS, STATISTICS

# Log clean-up and vacuum are policy (retention), never a side effect of writing.
_KEPT = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
_FOREVER = dict.fromkeys(_KEPT, "interval 36500 days")
_NO_TIME = dict.fromkeys(_KEPT, "interval 0 days")
_LOG_FILE = re.compile(r"/_delta_log/(\d{20})\.(json|checkpoint\.parquet)$")
_MEMORY = "1GB"  # of one query; what is more goes to temporary files
_STREAMED = 10_000  # rows in one batch of a long answer


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

    def replace(
        self, rows: pa.Table | Sequence[dict[str, Any]], transaction: tuple[str, int] | None = None
    ) -> None:
        """Make `rows` the whole content, in one commit; raises as `append` does."""
        self._write(rows, "overwrite", transaction)

    def delete(self, predicate: str) -> None:
        """Remove the rows that match an SQL predicate."""
        if self.exists():
            self._open().delete(predicate)

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
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
            connection.execute(f"SET memory_limit = '{_MEMORY}'")
            connection.execute(f"SET temp_directory = '{tempfile.gettempdir()}'")
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
        return self.dataset().to_table(columns=list(columns) if columns else None)

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
        merge = self._open().merge(keys, same, source_alias="s", target_alias="t")
        merge.when_matched_delete().execute()

    def compact(self) -> None:
        """Write small files together; the files before stay until `clean`."""
        if self.exists():
            self._open().optimize.compact()

    def clean(self, grace: timedelta) -> None:
        """Remove files of the table that its present rows don't need, older than `grace`."""
        if self.exists():
            self._open().vacuum(
                retention_hours=int(grace.total_seconds() // 3600),
                enforce_retention_duration=False,
                dry_run=False,
                full=not grace,
            )

    def forget_history(self) -> None:
        """Leave nothing but the present rows: no older file and no older entry of the log."""
        if not self.exists():
            return
        self.clean(timedelta(0))
        self._open().alter.set_table_properties(_NO_TIME)
        table = self._open()
        table.create_checkpoint()
        table.cleanup_metadata()
        self._open().alter.set_table_properties(_FOREVER)

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

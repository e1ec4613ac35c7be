"""One Delta table: opened late, created on first write, queried with SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from lakehouse.location import Location
from schemas.tables import DELTA_TABLES, PARTITIONS

# Log clean-up and vacuum are policy (retention), never a side effect of writing.
_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}


class TransactionTaken(Exception):
    """Another writer committed under this name and number first."""


class DeltaLog:
    """One table of `schemas.tables`, append-only in daily life."""

    def __init__(self, location: Location, name: str) -> None:
        self.name = name
        self.schema = DELTA_TABLES[name]
        self._uri = location.child("delta", name)
        self._options = location.delta_options

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
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
            connection.register("log", self.dataset())
            for name, table in tables.items():
                connection.register(name, table)
            return connection.sql(sql).to_arrow_table()

    def dataset(self) -> pads.Dataset:
        """The present rows as an Arrow dataset."""
        if not self.exists():
            return pads.dataset(self.schema.empty_table())
        return self._open().to_pyarrow_dataset()

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The present rows."""
        return self.dataset().to_table(columns=list(columns) if columns else None)

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
            configuration=dict(_CONFIGURATION),
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
            write_deltalake(delta, table.cast(self.schema), mode=mode, commit_properties=properties)
        except CommitFailedError as error:
            if not transaction:
                raise
            raise TransactionTaken(f"{transaction[0]} {transaction[1]} of {self.name}") from error

"""One Delta table as it is opened and committed to; see `lakehouse.delta` for its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lakehouse.fencing import WRITER
from lakehouse.files import Files
from lakehouse.location import Location
from schemas.errors import LeaseHeld
from schemas.tables import TABLES

# Log clean-up and vacuum are policy (retention), never a side effect of writing.
KEPT = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
FOREVER = dict.fromkeys(KEPT, "interval 36500 days")
_OPENINGS = 3
_ATTEMPTS = 10  # to commit where others commit at the same time


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


class Table:
    """One table of `schemas.tables`, created on the first commit."""

    def __init__(self, location: Location, name: str) -> None:
        self.name = name
        self.stored = TABLES[name]
        self.schema = self.stored.schema
        self._folder = f"delta/{name}"
        self._uri = location.child("delta", name)
        self._options = location.delta_options
        self._files = Files(location)
        self._guard = location.guard if self.stored.leased else None

    def exists(self) -> bool:
        """Has anything ever been written?"""
        from deltalake import DeltaTable

        return DeltaTable.is_deltatable(self._uri, storage_options=self._options)

    def transaction_version(self, name: str) -> int:
        """The last number committed under `name`; 0 before the first."""
        if not self.exists():
            return 0
        return self._open().transaction_version(name) or 0

    def fence(self) -> None:
        """Leave the mark of the present lease: no writer of an earlier one commits after it."""
        self._set(FOREVER)

    def _set(self, properties: dict[str, str]) -> None:
        self._commit(lambda delta, marks: delta.alter.set_table_properties(properties, **marks))

    def _open(self) -> Any:
        from deltalake import DeltaTable

        return _opened(lambda: DeltaTable(self._uri, storage_options=self._options))

    def _open_or_create(self) -> Any:
        from deltalake import DeltaTable

        configuration = FOREVER | {"delta.dataSkippingStatsColumns": self.stored.statistics}
        return _opened(
            lambda: DeltaTable.create(
                self._uri,
                schema=self.schema,
                mode="ignore",
                partition_by=self.stored.partitions,
                configuration=configuration,
                storage_options=self._options,
            )
        )

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
            column_properties={self.stored.statistics: own},
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

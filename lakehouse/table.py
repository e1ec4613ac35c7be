"""One Delta table as it is opened and committed to; see `lakehouse.delta` for its rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lakehouse.damage import Reading, storage_condition, table_sentence
from lakehouse.fencing import WRITER
from lakehouse.files import Files
from lakehouse.format import FORMAT, check_format, stored_format, write_format
from lakehouse.location import Location
from lakehouse.mending import without_checkpoint
from lakehouse.table_files import TableFiles
from schemas.errors import LakehouseDamaged, LeaseHeld, StorageUnavailable
from schemas.tables import TABLES

# Log clean-up and vacuum are policy (retention), never a side effect of writing.
KEPT = ("delta.logRetentionDuration", "delta.deletedFileRetentionDuration")
FOREVER = dict.fromkeys(KEPT, "interval 36500 days")
_log = logging.getLogger("almanac.table")
_TICK_NS = 50_000_000  # the coarsest clock of a usual file system, and more
_OPENINGS = 3
# Before a row of these is written, all that it speaks of is on the disk; and after it the row
# itself, as is what users send and people decide, which nobody else has.
_ANNOUNCING = ("releases", "placements", "erasures", "datasets", "adapters")
_BY_PEOPLE = ("prompts", "assistant_versions", "assistant_stages", "assistant_gates")
_AT_ONCE = (*_ANNOUNCING, *_BY_PEOPLE, "requests", "votes", "runs", "rollouts", "triage_labels")
_ATTEMPTS = 10  # to commit where others commit at the same time


class TransactionTaken(Exception):
    """Another writer committed under this name and number first."""


def storage_errors() -> tuple[type[Exception], ...]:
    """What is raised where storage does not answer as it should."""
    from deltalake.exceptions import DeltaError

    return (OSError, DeltaError, StorageUnavailable)


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


def is_written(location: Location) -> bool:
    """Is there anything yet? Every table but these is written by who holds the lease."""
    from deltalake import DeltaTable

    options = location.delta_options
    names = [one.name for one in TABLES.values() if not one.leased]
    uris = [location.child("delta", name) for name in names]
    return any(DeltaTable.is_deltatable(uri, storage_options=options) for uri in uris)


def sound_version(folder: Path, name: str) -> int | None:
    """See `Table._sound_version`; costs one listing where nothing is wrong."""
    files = TableFiles(folder)
    if not files.has_empty_commit() and (not files.commits or files.newest_is_whole()):
        return None
    faults = [fault for fault in files.faults() if fault.kind == "commit"]
    if not faults:
        return None
    first = min(fault.version for fault in faults)
    whole = set(files.commits) - {fault.version for fault in faults}
    if first == 0 or any(version > first for version in whole):
        raise LakehouseDamaged(table_sentence(name, faults[0].reason))
    _log.warning("%s: %s, and was left out", name, faults[0].reason)
    return first - 1


class Table:
    """One table of `schemas.tables`, created on the first commit."""

    def __init__(self, location: Location, name: str) -> None:
        self.name = name
        self.stored = TABLES[name]
        self.schema = self.stored.schema
        self._location = location
        self._folder = f"delta/{name}"
        self._uri = location.child("delta", name)
        self._options = location.delta_options
        self._files = Files(location)
        self._handle: Any = None  # of `head`
        self._guard = location.guard if self.stored.leased else None

    def exists(self) -> bool:
        """Has anything ever been written?

        Raises:
            FormatTooNew: a later version wrote the lakehouse in a way not known here.
        """
        from deltalake import DeltaTable

        check_format(self._location)
        with self.reading():
            return DeltaTable.is_deltatable(self._uri, storage_options=self._options)

    def reading(self) -> Reading:
        """A block in which an engine reads or writes the table; see `lakehouse.damage`."""
        return Reading(self._location, lambda: table_sentence(self.name, self._reason()))

    def fault(self) -> str:
        """What its files in a folder show to be wrong without a look into them; else empty."""
        if self._location.folder is None:
            return ""
        files = TableFiles(self._location.folder / self._folder)
        faults = files.faults()
        return faults[0].reason if faults else "its log is missing" if files.lost else ""

    def _reason(self) -> str:
        return self.fault() or "a file of it is missing or holds other bytes than were written"

    def stamp(self) -> int | None:
        """What changes with each commit, also of another process; 0 before the first.

        Costs one look at a folder, no reading. None on an object store: see `version`.
        """
        if self._location.folder is None:
            return None
        try:
            changed = (self._location.folder / self._folder / "_delta_log").stat().st_mtime_ns
        except FileNotFoundError:
            return 0
        # A second entry in the same tick of the file system's clock would not show.
        now = time.time_ns()
        return changed if now - changed > _TICK_NS else now

    def head(self) -> int:
        """What changes with each commit: `stamp`, or on an object store the table's version.

        That costs a listing of the newest entries of the log there.
        """
        stamp = self.stamp()
        if stamp is not None:
            return stamp
        if self._handle is None:
            if not self.exists():
                return -1
            self._handle = self._open()
        with self.reading():
            self._handle.update_incremental()
            return int(self._handle.version())

    def transaction_version(self, name: str) -> int:
        """The last number committed under `name`; 0 before the first."""
        if not self.exists():
            return 0
        with self.reading():
            return self._open().transaction_version(name) or 0

    def mark(self, name: str, number: int) -> None:
        """Commit a number under `name` and nothing else, unless a greater one is there."""
        if self.transaction_version(name) < number:
            self._set(FOREVER, (name, number))

    def fence(self) -> None:
        """Leave the mark of the present lease: no writer of an earlier one commits after it."""
        self._set(FOREVER)

    def _set(self, properties: dict[str, str], transaction: tuple[str, int] | None = None) -> None:
        self._commit(
            lambda delta, marks: delta.alter.set_table_properties(properties, **marks), transaction
        )

    def _open(self) -> Any:
        try:
            return self._open_sound()
        except LakehouseDamaged:
            folder = self._location.folder
            if folder is None or not without_checkpoint(folder, self.name):
                raise
            return self._open_sound()

    def _open_sound(self) -> Any:
        from deltalake import DeltaTable

        with self.reading():
            version = self._sound_version()
            return _opened(
                lambda: DeltaTable(self._uri, version=version, storage_options=self._options)
            )

    def _sound_version(self) -> int | None:
        """The version before entries that a crash left empty or cut; None where there are none.

        Raises:
            LakehouseDamaged: entries after them are whole, so that the table is not what it was.
        """
        if self._location.folder is None:
            return None
        return sound_version(self._location.folder / self._folder, self.name)

    def _begin(self) -> None:
        """Before the first table of a lakehouse, store the format that it will have."""
        check_format(self._location)
        if stored_format(self._location) > 1 or "begun" in self._location.known:
            return
        if not is_written(self._location):
            write_format(self._location, FORMAT)
        self._location.known["begun"] = 1

    def _open_or_create(self) -> Any:
        from deltalake import DeltaTable

        self._begin()
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
        if self.name in _ANNOUNCING:
            self._location.disk.sync()
        with self.reading():
            self._try_to_commit(change, transaction)
        if self.name in _AT_ONCE:
            self._location.disk.sync(self._folder)

    def _try_to_commit(
        self, change: Callable[[Any, Any], object], transaction: tuple[str, int] | None
    ) -> None:
        from deltalake.exceptions import CommitFailedError

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                delta = self._open_or_create()
                change(delta, self._marks(delta, transaction))
                return
            except CommitFailedError as error:
                if storage_condition(error):
                    raise
                if attempt == _ATTEMPTS:
                    raise StorageUnavailable(
                        f"the table {self.name} was changed by others at each of {_ATTEMPTS} "
                        "attempts to write to it: try again"
                    ) from error

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

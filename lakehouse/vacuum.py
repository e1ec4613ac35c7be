"""Housekeeping of one Delta table: which files reading needs, and what may go."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import timedelta

import pyarrow as pa

from lakehouse.table import FOREVER, KEPT, Table

_LOG_FILE = re.compile(r"/_delta_log/(\d{20})\.(json|checkpoint\.parquet)$")
_PATH = re.compile(r'"path":"([^"]+)"')
_FILES = 32  # of data or of log, from which on a table is written together
_SMALL_FILES = 64  # from which on a table that gets many small commits is written together
_LONG_LOG = 1_000  # files of a log from which on its old entries are cleared with that
_UNDER_WAY = timedelta(minutes=1)  # longer than a commit takes


class ClearedTable(Table):
    """A table that is kept small."""

    def files(self) -> list[str]:
        """Paths inside the lakehouse of all that reading the present rows needs."""
        if not self.exists():
            return []
        with self.reading():
            added = pa.table(self._open().get_add_actions())["path"].to_pylist()
        logs = [
            found
            for path in self._files.sizes(f"{self._folder}/_delta_log")
            if (found := _LOG_FILE.search("/" + path))
        ]
        start = max((found[1] for found in logs if found[2] != "json"), default="")
        needed = [
            found
            for found in logs
            if (found[1] > start if found[2] == "json" else found[1] == start)
        ]
        paths = [f"{self._folder}/{path}" for path in added]
        return sorted(paths + [found.string[1:] for found in needed])

    def tidy(self, grace: timedelta) -> None:
        """Write many small files together, and clear what reading needs no more.

        Files and log entries younger than `grace` stay until the next time.
        """
        if not self.exists():
            return
        if self._open().get_add_actions().num_rows > _FILES:
            self._compact()
        logs = self._files.sizes(f"{self._folder}/_delta_log")
        if len(logs) > _FILES or not grace:
            self.forget_history(grace)

    def tend(self, grace: timedelta) -> bool:
        """Write the files of many small commits together; False where they are few yet.

        For who commits often, after each commit: usually it costs one look. A log that grew long is
        cleared as `tidy` does; what is younger than `grace`, and than an hour, stays.
        """
        if not self.exists() or self._open().get_add_actions().num_rows <= _SMALL_FILES:
            return False
        self._compact()
        if len(self._files.sizes(f"{self._folder}/_delta_log")) > _LONG_LOG:
            self.forget_history(max(grace, timedelta(hours=1)))
        return True

    def _compact(self) -> None:
        rewritten = self._rewritten()
        self._commit(
            lambda delta, marks: delta.optimize.compact(writer_properties=rewritten, **marks)
        )

    def forget_history(self, grace: timedelta = timedelta(0)) -> None:
        """Leave nothing but the present rows: no older file and no older entry of the log."""
        if not self.exists():
            return
        self._location.disk.sync()  # what stands in for what goes now
        self._vacuum(grace)
        if not self._guard:  # who writes a row now needs the last entries
            grace = max(grace, _UNDER_WAY)
        self._set(dict.fromkeys(KEPT, f"interval {math.ceil(grace.total_seconds() / 60)} minutes"))
        table = self._open()
        with self.reading():
            table.create_checkpoint()
            self._location.disk.sync(self._folder)
            table.cleanup_metadata()
        self._set(FOREVER)

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

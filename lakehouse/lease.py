"""One writer at a time: a lease in a Delta table, so that it holds on object storage too.

Taking it is a compare-and-swap (Delta's transaction numbers). A writer that was killed loses it:
at once where its process can be seen to be gone, else when the lease runs out.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse.delta import DeltaLog, TransactionTaken
from schemas.errors import LeaseHeld
from schemas.times import isoformat

_NAME = "lease"
_POLL_SECONDS = 0.5


class Lease:
    """The right to write, renewed from a thread while it is held."""

    def __init__(self, log: DeltaLog, holder: str, purpose: str, ttl_seconds: float) -> None:
        self._log = log
        self._holder = holder
        self._purpose = purpose
        self._ttl = timedelta(seconds=ttl_seconds)
        self._number = 0
        self._done = threading.Event()
        self._lost: str | None = None
        self._writing = threading.Lock()
        self._renewer = threading.Thread(target=self._renew, name="almanac-lease", daemon=True)

    def acquire(self, wait_seconds: float = 0.0) -> None:
        """Take the lease, waiting for its holder for at most `wait_seconds`.

        Raises:
            LeaseHeld: it is held by a writer that lives; the message says by whom and until when.
        """
        deadline = time.monotonic() + wait_seconds
        while (held := self._try()) is not None:
            if time.monotonic() >= deadline:
                raise LeaseHeld(
                    f"another writer holds the lakehouse: {held['purpose']} ({held['holder']}, "
                    f"process {held['pid']} on {held['host']}), at least until "
                    f"{isoformat(held['expires_at'])}; wait for it, or set lease.wait_seconds"
                )
            time.sleep(_POLL_SECONDS)
        self._renewer.start()

    def check(self) -> None:
        """Call before a publish: raises LeaseHeld if the lease was lost meanwhile."""
        if self._lost is not None:
            raise LeaseHeld(self._lost)

    def tidy(self, grace: timedelta) -> None:
        """Clear old files of the lease's own table, between two renewals."""
        with self._writing:
            self._log.tidy(grace)

    def release(self) -> None:
        """Give it back."""
        self._done.set()
        if self._renewer.is_alive():
            self._renewer.join()
        if self._lost is None:
            self._commit(datetime.now(UTC))

    def _try(self) -> dict[str, Any] | None:
        """None: it is ours now. Else the row of who has it."""
        self._number = self._log.transaction_version(_NAME)
        row = self._row()
        if row and _is_alive(row):
            return row
        if self._commit(datetime.now(UTC) + self._ttl):
            return None
        return self._row()

    def _row(self) -> dict[str, Any] | None:
        rows: list[dict[str, Any]] = self._log.read().to_pylist()
        return rows[0] if rows else None

    def _commit(self, expires_at: datetime) -> bool:
        row = {
            "holder": self._holder,
            "purpose": self._purpose,
            "host": platform.node(),
            "pid": os.getpid(),
            "process_started": _process_started(os.getpid()) or 0.0,
            "expires_at": expires_at,
        }
        try:
            with self._writing:
                self._log.replace([row], transaction=(_NAME, self._number + 1))
        except TransactionTaken:
            return False
        self._number += 1
        return True

    def _renew(self) -> None:
        while not self._done.wait(self._ttl.total_seconds() / 3):
            if not self._commit(datetime.now(UTC) + self._ttl):
                self._lost = f"the lease of {self._holder} was taken over by another writer"
                return


@contextmanager
def writer(
    log: DeltaLog, holder: str, purpose: str, ttl_seconds: float, wait_seconds: float = 0.0
) -> Iterator[Lease]:
    """Hold the lease for the length of the block."""
    lease = Lease(log, holder, purpose, ttl_seconds)
    lease.acquire(wait_seconds)
    try:
        yield lease
    finally:
        lease.release()


def _is_alive(row: dict[str, Any]) -> bool:
    if row["expires_at"] <= datetime.now(UTC):
        return False
    if row["host"] != platform.node():
        return True
    return bool(_process_started(row["pid"]) == row["process_started"])


def _process_started(pid: int) -> float | None:
    """When the process began, in clock ticks since boot; None if there is no such process.

    With the process number it tells a process from a later one of the same number. Field 22 of
    /proc/<pid>/stat, proc(5); a system without /proc knows the process number only.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123
            fields = stat.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else float(fields[19])
    except OSError:
        return None if os.path.isdir("/proc/self") else _answers(pid)  # noqa: PTH112


def _answers(pid: int) -> float | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0.0
    return 0.0

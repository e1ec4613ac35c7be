"""One writer at a time: a lease in a Delta table, so that it holds on object storage too.

Taking it is a compare-and-swap (Delta's transaction numbers). A writer that was killed loses it:
at once where its process can be seen to be gone, else when the lease runs out. One that was only
stopped may come back after that: see `lakehouse.guard` for what keeps it from writing.

When a lease runs out is what the holder's clock said. Two hosts' clocks may differ by `SKEW` (NTP
keeps them within a fraction of a second); a lease of another host counts that much longer.

A row that promises more than a few ttl was dated by a wrong clock. Its holder may live all the
same, and then it renews every third of the ttl. So whoever waits watches the row for one ttl by its
own uptime, even if it was told not to wait, and takes the lease of a holder that stays silent.
"""

from __future__ import annotations

import logging
import os
import platform
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from lakehouse.delta import DeltaLog, TransactionTaken, storage_errors
from lakehouse.holder import (
    TRANSACTION,
    Watch,
    boot,
    named,
    process_space,
    process_started,
    read_row,
    stands,
    was_left,
)
from schemas.errors import LeaseHeld
from schemas.times import isoformat

_log = logging.getLogger("almanac.lease")
_POLL_SECONDS = (0.5, 2.0)  # drawn anew each time, so that waiters do not ask in step
_SAID_EVERY = 60.0
_RETRY_SECONDS = 5.0


class Lease:
    """The right to write, renewed from a thread while it is held."""

    def __init__(
        self, log: DeltaLog, holder: str, purpose: str, ttl_seconds: float, above: int = 0
    ) -> None:
        self._log = log
        self._above = above  # the least number that the tables take
        self._ttl = timedelta(seconds=ttl_seconds)
        self._me = {
            "holder": holder,
            "purpose": purpose,
            "host": platform.node(),
            "pid": os.getpid(),
            "process_started": process_started(os.getpid()) or 0.0,
            "process_space": process_space(),
            "ttl_seconds": ttl_seconds,
        }
        self._since: datetime | None = None
        self._last = 0  # the number of the table's last commit, as far as is known
        self._runs_out = (datetime.min.replace(tzinfo=UTC), 0.0)  # by the clock and by the uptime
        self._done = threading.Event()
        self._lost: str | None = None
        self._writing = threading.RLock()
        self._renewer = threading.Thread(target=self._renew, name="almanac-lease", daemon=True)
        self.number = 0
        # A holder before may still live, and the tables are not closed to it yet.
        self.was_left = False
        # The machine was started since the last holder wrote, or it was another machine.
        self.rebooted = False

    def acquire(self, wait_seconds: float = 0.0) -> None:
        """Take the lease, waiting for its holder for at most `wait_seconds`.

        Raises:
            LeaseHeld: it is held by a writer that lives; the message says by whom and until when.
        """
        deadline = time.monotonic() + wait_seconds
        say_next = time.monotonic()
        watch = Watch(self._ttl)
        while (held := self._tried(deadline, watch)) is not None:
            now = time.monotonic()
            if watch.until is not None:
                deadline = max(deadline, watch.until)
            if now >= deadline:
                waited = f"after {wait_seconds:g} seconds still " if wait_seconds else ""
                raise LeaseHeld(
                    f"{waited}another writer holds the lakehouse: {named(held)}, at least until "
                    f"{isoformat(held['expires_at'])}; wait for it, or set lease.wait_seconds"
                )
            if now >= say_next:
                left = deadline - now
                _log.info("waiting up to %.0f s for the lakehouse: %s", left, named(held))
                say_next = now + _SAID_EVERY
            time.sleep(min(random.uniform(*_POLL_SECONDS), max(deadline - now, 0.0)))
        self.number = self._last
        self._renewer.start()

    def check(self) -> None:
        """Call before a change; raises LeaseHeld if the lease was lost meanwhile.

        One that ran out unseen, while the process was stopped, is renewed if nobody took it.
        """
        if self._lost is None and self._ran_out():
            self._extend()
        if self._lost is not None:
            raise LeaseHeld(self._lost)

    def fenced(self) -> None:
        """Nothing of an earlier holder is taken any more; until then the row says `left`.

        So whoever follows a holder that failed or was killed before closes the tables in its place.
        """
        self.was_left = False

    def tidy(self, grace: timedelta) -> None:
        """Clear old files of the lease's own table, between two renewals."""
        with self._writing:
            self._log.tidy(grace)

    def release(self) -> None:
        """Give it back; where that fails it runs out by itself."""
        self._done.set()
        if self._renewer.is_alive():
            self._renewer.join()
        if self._lost is not None:
            return
        try:
            self._commit({"holder": ""})
        except storage_errors() as error:
            _log.warning("the lease could not be given back and will run out: %s", error)

    def _tried(self, deadline: float, watch: Watch) -> dict[str, Any] | None:
        """See `_try`; storage that does not answer is asked again as long as we wait."""
        while True:
            try:
                return self._try(watch)
            except storage_errors() as error:
                if time.monotonic() >= deadline:
                    raise
                _log.warning("the lease cannot be read, trying again: %s", error)
                time.sleep(random.uniform(*_POLL_SECONDS))

    def _try(self, watch: Watch) -> dict[str, Any] | None:
        """None: it is ours now. Else the row of who has it."""
        self._last = max(self._log.transaction_version(TRANSACTION), self._above)
        row = read_row(self._log)
        if row and stands(row) and not watch.is_silent(row, self._last):
            return row
        self.rebooted = row is None or boot(row["process_space"]) != boot(process_space())
        self._since = datetime.now(UTC)
        self.was_left = row is not None and was_left(row)
        if self._commit():
            return None
        return read_row(self._log) or self._me | {"expires_at": self._since}

    def _commit(self, changed: dict[str, Any] | None = None) -> bool:
        """Store that we hold it for another `ttl`; False where another committed first."""
        with self._writing:
            clock, uptime = datetime.now(UTC), time.monotonic()
            row = self._me | {"since": self._since, "expires_at": clock + self._ttl}
            row["left"] = self.was_left
            try:
                self._log.replace(
                    [row | (changed or {})], transaction=(TRANSACTION, self._last + 1)
                )
            except TransactionTaken:
                return False
            self._last += 1
            self._runs_out = (clock + self._ttl, uptime + self._ttl.total_seconds())
            return True

    def _ran_out(self) -> bool:
        # The uptime stands still while a machine sleeps, the clock can be set back: ask both.
        clock, uptime = self._runs_out
        return datetime.now(UTC) >= clock or time.monotonic() >= uptime

    def _extend(self) -> bool:
        """Renew it; False where storage did not answer but there is time to try again."""
        with self._writing:
            try:
                if self._commit() or self._is_ours():
                    return True
                self._lost = f"the lease of {self._me['holder']} was taken over by another writer"
            except storage_errors() as error:
                if not self._ran_out():
                    _log.warning("the lease could not be renewed, trying again: %s", error)
                    return False
                self._lost = f"the lease of {self._me['holder']} ran out: {error}"
            _log.error(self._lost)
            return True

    def _is_ours(self) -> bool:
        """Is what was committed first our own, whose confirmation got lost?"""
        self._last = self._log.transaction_version(TRANSACTION)
        row = read_row(self._log) or {}
        return all(row.get(name) == value for name, value in self._me.items()) and self._commit()

    def _renew(self) -> None:
        whole = self._ttl.total_seconds() / 3
        pause = whole
        while self._lost is None and not self._done.wait(pause):
            pause = whole if self._extend() else min(_RETRY_SECONDS, whole / 5)


@contextmanager
def writer(
    log: DeltaLog,
    holder: str,
    purpose: str,
    ttl_seconds: float,
    wait_seconds: float = 0.0,
    above: int = 0,
) -> Iterator[Lease]:
    """Hold the lease for the length of the block, under a number greater than `above`."""
    lease = Lease(log, holder, purpose, ttl_seconds, above)
    lease.acquire(wait_seconds)
    try:
        yield lease
    finally:
        lease.release()

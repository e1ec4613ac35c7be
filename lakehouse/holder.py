"""Who holds the lease, as its row says, and whether that is to be believed."""

from __future__ import annotations

import logging
import os
import platform
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lakehouse.delta import DeltaLog, TransactionTaken
from schemas.errors import LeaseHeld
from schemas.times import isoformat

_log = logging.getLogger("almanac.lease")
TRANSACTION = "lease"  # the name under which Delta keeps the number of the last commit
SKEW = timedelta(seconds=30)  # that the clocks of two hosts may differ by
BELIEVED = 3  # times its ttl, that a lease may run from now on


class Watch:
    """Whether the holder of a lease that was dated by a wrong clock shows that it lives.

    `until` is the uptime until which it is watched; None where there is no such lease.
    """

    def __init__(self, ttl: timedelta) -> None:
        self._ttl = ttl
        self._seen = -1
        self._since = 0.0
        self.until: float | None = None

    def is_silent(self, row: dict[str, Any], number: int) -> bool:
        """Was nothing committed since `number` for as long as a living holder needs?"""
        ttl = timedelta(seconds=row["ttl_seconds"]) if row["ttl_seconds"] else self._ttl
        ahead = row["expires_at"] - datetime.now(UTC)
        if ahead <= BELIEVED * ttl + SKEW:
            self.until = None
            return False
        now = time.monotonic()
        self.until = self._since + ttl.total_seconds()
        if number != self._seen:
            self._seen, self._since = number, now
            self.until = now + ttl.total_seconds()
            _log.warning(
                "the lease of %s is dated until %s, by a wrong clock: watching for %.0f s "
                "whether it is renewed; `almanac lease break` ends it at once",
                named(row),
                isoformat(row["expires_at"]),
                ttl.total_seconds(),
            )
        return now >= self.until


def read_row(log: DeltaLog) -> dict[str, Any] | None:
    """The row of the lease table; None before the first. Columns of newer versions are null."""
    rows: list[dict[str, Any]] = log.dataset().to_table().to_pylist()
    return dict.fromkeys(log.schema.names) | rows[0] if rows else None


def state(log: DeltaLog) -> dict[str, Any]:
    """Who holds the lease, for people: `held`, the holder's columns, and `why` it counts or not."""
    row = read_row(log)
    if row is None or not row["holder"]:
        return {"held": False, "why": "nobody writes"}
    names = ("holder", "purpose", "host", "pid", "since", "expires_at", "ttl_seconds")
    shown = {name: row[name] for name in names}
    for name in ("since", "expires_at"):
        shown[name] = isoformat(row[name]) if row[name] else None
    if is_gone(row):
        return shown | {"held": False, "why": "its process is gone: the next writer takes it"}
    if not stands(row):
        return shown | {"held": False, "why": "it ran out: the next writer takes it"}
    here = row["process_space"] == process_space()
    where = "its process lives on this machine" if here else "it has not run out yet"
    return shown | {"held": True, "why": where}


def break_lease(log: DeltaLog) -> dict[str, Any]:
    """Take the lease from its holder; what that holder commits after the next writer is refused.

    Raises:
        LeaseHeld: it was renewed or taken at the same moment.
    """
    number = log.transaction_version(TRANSACTION)
    row = read_row(log)
    if row is None or not row["holder"]:
        return {}
    try:
        # `left`: the holder may live. The next writer closes the tables to it.
        log.replace([row | {"holder": "", "left": True}], transaction=(TRANSACTION, number + 1))
    except TransactionTaken:
        raise LeaseHeld("the lease was renewed just now: its holder lives; try again") from None
    return row


def named(row: dict[str, Any]) -> str:
    """Purpose, run, process and host of a holder, for people."""
    since = f", since {isoformat(row['since'])}" if row.get("since") else ""
    return f"{row['purpose']} ({row['holder']}, process {row['pid']} on {row['host']}{since})"


def stands(row: dict[str, Any]) -> bool:
    """Must the holder be taken to write?"""
    if not row["holder"] or is_gone(row):
        return False
    skew = timedelta(0) if row["process_space"] == process_space() else SKEW
    return bool(row["expires_at"] + skew > datetime.now(UTC))


def was_left(row: dict[str, Any]) -> bool:
    """Is there a writer, the last holder or one before, that may still be about to commit?"""
    return bool(row["left"] or (row["holder"] and not is_gone(row)))


def is_gone(row: dict[str, Any]) -> bool:
    """Can its process be seen to be gone? Only from where process numbers mean the same."""
    if row["process_space"] != process_space():
        return False
    return bool(process_started(row["pid"]) != row["process_started"])


def process_space() -> str:
    """Where a process number names one process: this boot of this kernel, and its namespace.

    Not the host's name: containers may share one and see other processes.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def boot(space: str | None) -> str:
    """The boot of a process space; one host's name where there is nothing better."""
    return (space or "").partition(" ")[0]


def process_started(pid: int) -> float | None:
    """When the process began, in clock ticks since boot; None if there is no such process.

    With the process number it tells a process from a later one of the same number. Field 22 of
    /proc/<pid>/stat, proc(5); a system without /proc knows the process number only.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else float(fields[19])
    except OSError:
        return None if Path("/proc/self").is_dir() else _answers(pid)


def _answers(pid: int) -> float | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return 0.0
    return 0.0

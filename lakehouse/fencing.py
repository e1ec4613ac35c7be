"""May this process still write? Asked at the last moment before anything is changed.

A writer that was stopped (SIGSTOP, a suspended machine, a hung disk) does not know that its lease
ran out and that another writes now. So each change asks the clock first; and what goes into Delta
bears the number of its lease, so that a table where a later writer left its mark takes no more from
an earlier one, however late that comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

WRITER = "writer"  # the name under which Delta keeps the number


class Held(Protocol):
    """A lease as long as it is held."""

    @property
    def number(self) -> int:
        """Greater than that of every lease before."""

    def check(self) -> None:
        """Raise LeaseHeld where it was lost."""


class Guard:
    """Shared by all parts of an opened lakehouse.

    While it holds no lease it lets everything pass: some tables are written without one.
    """

    def __init__(self) -> None:
        self._lease: Held | None = None

    @property
    def number(self) -> int | None:
        """That of the lease; None while none is held."""
        return self._lease.number if self._lease else None

    def check(self) -> None:
        """Call right before a change; raises LeaseHeld where the lease was lost."""
        if self._lease:
            self._lease.check()

    @contextmanager
    def holding(self, lease: Held) -> Iterator[None]:
        """Write under this lease for the length of the block."""
        before, self._lease = self._lease, lease
        try:
            yield
        finally:
            self._lease = before

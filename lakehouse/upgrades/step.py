"""One step from a storage format to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.location import Location


@dataclass(frozen=True, slots=True)
class Step:
    """What leads to format `to` from the one before.

    `run` is called under the lease. It may have been killed before its end: called again, it must
    find what is done and do the rest. Readers of this version must understand what it leaves at
    any moment.
    """

    to: int
    summary: str
    run: Callable[[Location], None]

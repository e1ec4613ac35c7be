"""How much memory a run is told to take (`compute.memory`), and what is done about it.

DuckDB gets a share of it as its limit. Arrow and LanceDB have no such limit: of them memory that
was freed goes back to the system, whatever the setting says.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

MEBIBYTE = 1 << 20
_LEAST_DATABASE = 128 * MEBIBYTE  # with less, a sort of passages has no room to begin
_MOST_DATABASE = 1024 * MEBIBYTE
_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)
_ARENAS = 2


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process may take, in bytes, and DuckDB's share of it."""

    total: int

    @property
    def database(self) -> int:
        """Of DuckDB; what is more goes to temporary files."""
        return max(_LEAST_DATABASE, min(_MOST_DATABASE, self.total // 4))


_allowed = Memory(4096 * MEBIBYTE)  # until a run says what it may take


def allowed() -> Memory:
    """What this process may take."""
    return _allowed


def allow(total: int) -> None:
    """Let this process take `total` bytes from here on.

    Threads of the engines share two of the allocator's arenas then: each keeps what was freed in
    it, which was a third of the memory of a night.
    """
    global _allowed
    _allowed = Memory(total)
    import pyarrow as pa

    if (libc := _glibc()) is not None:
        libc.mallopt(_ARENA_MAX, _ARENAS)
        pa.set_memory_pool(pa.system_memory_pool())  # the others keep most of what was freed


def give_back() -> None:
    """Return what is free to the system; a stage has ended."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


@cache
def _glibc() -> Any:
    """The C library, where it is glibc; else None."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None

"""Many threads, one commit: what waits while another commit is on its way goes in together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Waiting(Generic[Item]):
    """Something to write, and what became of it."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.error: Exception | None = None


class GroupCommit(Generic[Item]):
    """Writes items in groups; each caller returns when its own is written, or failed.

    Whoever gets the turn writes all that wait by then, so a sync of the disk serves many. `write`
    sets the error of an item that failed by itself, and raises where all of them failed.
    """

    def __init__(self, write: Callable[[Sequence[Waiting[Item]]], None]) -> None:
        self._write = write
        self._queue: list[Waiting[Item]] = []
        self._queue_lock = Lock()
        self._turn = Lock()

    def commit(self, item: Item) -> None:
        """Write one item; raises what became of it."""
        waiting = Waiting(item)
        with self._queue_lock:
            self._queue.append(waiting)
        with self._turn:
            if not waiting.done:
                self._write_all()
        if waiting.error is not None:
            raise waiting.error

    def _write_all(self) -> None:
        with self._queue_lock:
            group, self._queue = self._queue, []
        try:
            self._write(group)
        except Exception as error:  # noqa: BLE001 (each caller of the group is told)
            for one in group:
                one.error = error
        finally:
            for one in group:
                one.done = True

"""Many threads, one turn: what waits while another works is worked on together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


class Waiting(Generic[Item]):
    """An item that waits its turn, and what became of it."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.error: Exception | None = None
        self.result: Any = None


class Grouped(Generic[Item]):
    """Works on items in groups; each caller returns when its own is done, or failed.

    Whoever gets the turn takes all that wait by then, so what a turn costs whatever is in it (a
    sync of the disk, a pass over a matrix) serves many. `work` sets the result or the error of each
    item, or raises where all of them failed.
    """

    def __init__(self, work: Callable[[Sequence[Waiting[Item]]], None]) -> None:
        self._work = work
        self._queue: list[Waiting[Item]] = []
        self._queue_lock = Lock()
        self._turn = Lock()

    def __call__(self, item: Item) -> Any:
        """Have one item worked on; what came of it, or what it failed with."""
        waiting = Waiting(item)
        with self._queue_lock:
            self._queue.append(waiting)
        with self._turn:
            if not waiting.done:
                self._work_on_all()
        if waiting.error is not None:
            raise waiting.error
        return waiting.result

    def _work_on_all(self) -> None:
        with self._queue_lock:
            group, self._queue = self._queue, []
        try:
            self._work(group)
        except Exception as error:  # noqa: BLE001 (each caller of the group is told)
            for one in group:
                one.error = error
        finally:
            for one in group:
                one.done = True

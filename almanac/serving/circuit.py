"""A circuit breaker: an endpoint that failed several times in a row is left alone for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Literal

State = Literal["closed", "open", "half_open"]


class Circuit:
    """Of one model at one endpoint.

    Args:
        failures: in a row, after which it opens.
        seconds: that it stays open; then one answer tries whether it works again.
    """

    def __init__(
        self, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._seconds, self._clock = failures, seconds, clock
        self._row = 0
        self._opened: float | None = None
        self._tries = False
        self._lock = Lock()

    @property
    def state(self) -> State:
        """closed: it is asked; open: it is not; half_open: one answer tries it."""
        with self._lock:
            if self._opened is None:
                return "closed"
            return "half_open" if self._clock() - self._opened >= self._seconds else "open"

    def lets_through(self) -> bool:
        """May an answer ask it now? In half_open only the first that asks."""
        state = self.state
        with self._lock:
            if state == "closed":
                return True
            if state == "open" or self._tries:
                return False
            self._tries = True
            return True

    def succeeded(self) -> None:
        """It answered."""
        with self._lock:
            self._row, self._opened, self._tries = 0, None, False

    def failed(self) -> None:
        """It did not."""
        with self._lock:
            self._row += 1
            if self._row >= self._most or self._tries:
                self._opened = self._clock()
            self._tries = False

    def left(self) -> None:
        """Nobody waited for what it says: that tells nothing of it."""
        with self._lock:
            self._tries = False

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
        self._tried: float | None = None  # since when an answer tries it
        self._lock = Lock()

    @property
    def state(self) -> State:
        """closed: it is asked; open: it is not; half_open: one answer tries it."""
        with self._lock:
            if self._opened is None:
                return "closed"
            return "half_open" if self._clock() - self._opened >= self._seconds else "open"

    def lets_through(self) -> bool:
        """May an answer ask it now? In half_open one that asks, until it is known how that went.

        One whose reader left before it asked says nothing of it, so another may try in its turn.
        """
        state = self.state
        with self._lock:
            if state == "closed":
                return True
            now = self._clock()
            if state == "open" or (self._tried is not None and now - self._tried < self._seconds):
                return False
            self._tried = now
            return True

    def succeeded(self) -> None:
        """It answered."""
        with self._lock:
            self._row, self._opened, self._tried = 0, None, None

    def failed(self) -> None:
        """It did not."""
        with self._lock:
            self._row += 1
            if self._row >= self._most or self._tried is not None:
                self._opened = self._clock()
            self._tried = None

    def left(self) -> None:
        """Nobody waited for what it says: that tells nothing of it."""
        with self._lock:
            self._tried = None

"""A log line now and then from work that takes long, so that whoever watches sees it go on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

_SECONDS = 10.0


class Ticking:
    """Call it as often as there is something done; it says so at most every ten seconds.

    Nothing is said of work that takes less. `clock` gives seconds.
    """

    def __init__(
        self, log: logging.Logger, what: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._what = what
        self._clock = clock
        self._said = clock()

    def __call__(self, done: int, total: int | None = None) -> None:
        """Say how many of how many, if it is time to."""
        now = self._clock()
        if now - self._said < _SECONDS:
            return
        self._said = now
        of = "" if total is None else f" of {total:,}"
        self._log.info("%s%s %s", f"{done:,}", of, self._what)

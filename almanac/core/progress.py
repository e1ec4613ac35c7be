"""How far long work is: a log line now and then, or a line on the terminal with an estimate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TextIO

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


class Line:
    """One line on a terminal that says how far long work is and when it will be done.

    On anything else, such as a file or a pipe, a plain line every ten seconds. Work that takes less
    than two seconds says nothing.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._live = stream.isatty()
        self._what = ""
        self._began = self._said = clock()
        self._width = 0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` are `what`, such as "texts embedded", if it is time to."""
        now = self._clock()
        if what != self._what:
            self.close()
            self._what, self._began, self._said = what, now, now
        first = 2.0 if self._live and not self._width else 0.3 if self._live else _SECONDS
        over = self._live and self._width > 0 and done >= total
        if now - self._said < first and not over:
            return
        self._said = now
        self._say(said_of(what, done, total, now - self._began))
        if over:
            self.close()

    def close(self) -> None:
        """End the line, if one stands there."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()
        self._width = 0

    def _say(self, text: str) -> None:
        if self._live:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()


def said_of(what: str, done: int, total: int, seconds: float) -> str:
    """`3,072 of 9,000 texts embedded (34 %), about 4 minutes left`; without a guess at the end."""
    text = f"{done:,} of {total:,} {what} ({100 * done // max(total, 1)} %)"
    if not 0 < done < total:
        return text
    left = seconds * (total - done) / done
    guess = f"{left / 60:.0f} minutes" if left >= 90 else f"{max(1, left):.0f} seconds"
    return f"{text}, about {guess} left"


def watch(watcher: Callable[[str, int, int], None] | None) -> None:
    """Let `watcher` hear of the progress of what runs in this process; None: nobody."""
    global _watcher
    _watcher = watcher


def advanced(what: str, done: int, total: int) -> None:
    """Tell the watcher that `done` of `total` are `what`."""
    if _watcher is not None:
        _watcher(what, done, total)


_watcher: Callable[[str, int, int], None] | None = None

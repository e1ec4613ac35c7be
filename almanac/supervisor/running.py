"""The whole of `almanac up`, until a signal ends it."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from almanac.supervisor.processes import rotate_log
from almanac.supervisor.state import only_one
from almanac.supervisor.supervisor import Stopped, Supervisor, UpOptions
from schemas.errors import AlmanacError

logger = logging.getLogger("almanac.server")


def up(options: UpOptions, ready: Callable[[Mapping[str, Any]], None]) -> None:
    """Run server and worker until SIGINT or SIGTERM; `ready` is told once runs are taken.

    Raises:
        AlreadyUp: another one runs in the same home.
        AlmanacError: it cannot start; nothing is left running then.
    """
    with only_one(options.home) as left, _signals() as stop, _logged(options.logs):
        supervisor = Supervisor(options, left, stop)
        try:
            ready(supervisor.start())
            supervisor.watch()
        except Stopped:
            return
        except httpx.HTTPError as error:
            raise AlmanacError(
                f"the Prefect server refused: {error}; see {options.logs}"
            ) from error
        finally:
            supervisor.end()


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """An event that SIGINT, SIGTERM and, unless `nohup` said to ignore it, SIGHUP set.

    A child starts with the defaults for signals that are caught here, even where this process was
    started with SIGINT ignored (`almanac up &` in a script): Prefect's worker needs that to end.
    """
    stop = threading.Event()
    names = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        names.append(signal.SIGHUP)
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in names}
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


class _Elapsed(logging.Formatter):
    """Each line with the clock's time and the seconds since the start."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(elapsed)6.1f s  %(message)s", "%H:%M:%S")
        self._began = time.time()

    def format(self, record: logging.LogRecord) -> str:
        record.elapsed = record.created - self._began
        return super().format(record)


@contextmanager
def _logged(folder: Path) -> Iterator[None]:
    """What is told goes to standard error and to `up.log`."""
    folder.mkdir(exist_ok=True)
    rotate_log(folder / "up.log")
    handlers = (logging.StreamHandler(), logging.FileHandler(folder / "up.log", encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(_Elapsed())
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()

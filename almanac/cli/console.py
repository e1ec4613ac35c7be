"""What a person sees of a Prefect flow that runs in this shell.

The stages' own lines, warnings and errors, with the time before them. What Prefect says of itself
("Finished in state Completed()", twelve times a night) stays in Prefect's log of the run alone.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

from almanac.core.progress import Line, watch
from schemas.errors import AlmanacError

# The root has the one that writes to the terminal (Prefect 3.8); earlier each had its own.
_LOGGERS = ("", "prefect", "prefect.flow_runs", "prefect.task_runs")
_PLAIN = "%(asctime)s %(message)s"
# Prefect's own logging.yml, where each key may come from the environment.
FORMATS = {
    "PREFECT_LOGGING_FORMATTERS_STANDARD_FLOW_RUN_FMT": _PLAIN,
    "PREFECT_LOGGING_FORMATTERS_STANDARD_TASK_RUN_FMT": _PLAIN,
}


@contextmanager
def for_people(library: Path) -> Iterator[None]:
    """Around a flow: quiet Prefect on the terminal, and show how far long stages are.

    `library` is the folder of Prefect's own modules, whose logging is set up already. A log level
    that someone asked for (PREFECT_LOGGING_LEVEL) shows everything.
    """
    quiet = "PREFECT_LOGGING_LEVEL" not in os.environ
    handlers = [handler for name in _LOGGERS for handler in _consoles(name)] if quiet else []
    line, wanted = Line(sys.stderr), partial(is_for_people, str(library))
    for handler in handlers:
        handler.addFilter(wanted)
    watch(line)
    try:
        yield
    except KeyboardInterrupt:
        line.close()
        click.echo(
            "\nalmanac: stopped by Ctrl-C. Unless a line above says Published, nothing was "
            "published and the last release keeps answering; the same command continues where "
            "this one stopped.",
            err=True,
        )
        sys.exit(130)
    finally:
        watch(None)
        line.close()
        for handler in handlers:
            handler.removeFilter(wanted)
            # Its temporary server says that it stops when this process ends.
            atexit.register(handler.addFilter, wanted)


def is_for_people(library: str, record: logging.LogRecord) -> bool:
    """Whether a line goes to the terminal, too; `library` as of `for_people`."""
    if record.funcName == "advance":  # progress has a line of its own there
        return False
    if not record.pathname.startswith(library):
        return True
    if record.levelno < logging.WARNING:
        return False
    said = record.getMessage()
    known = record.exc_info and isinstance(record.exc_info[1], AlmanacError)
    return not (known or said.startswith("Finished in state") or _is_told_again(said))


def _is_told_again(said: str) -> bool:
    """An error on purpose, whose traceback was left out: the last line of the verb tells it."""
    names = (kind.__name__ for kind in _kinds(AlmanacError))
    return "Encountered exception" in said and any(f" {name}(" in said for name in names)


def _kinds(kind: type[AlmanacError]) -> Iterator[type[AlmanacError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def _consoles(name: str) -> list[logging.Handler]:
    """The handlers of a logger that write to a stream, and not to the API."""
    found = logging.getLogger(name).handlers
    return [one for one in found if isinstance(one, logging.StreamHandler)]

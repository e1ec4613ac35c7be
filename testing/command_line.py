"""The command line in this process, as its users see it; and every verb on a full house."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from click.testing import CliRunner

if TYPE_CHECKING:
    from testing.house import House

RAW = ("Traceback", "LanceError", "DeltaError", "panicked", "Arrow error", "IO Error", ".rs:")


@dataclass(frozen=True, slots=True)
class Done:
    """What a verb left: its exit code, standard output, and all that was said.

    `raw`: an error that no user may see ended it, or the words of one were shown.
    """

    code: int
    out: str
    said: str
    raw: bool


def almanac(house: House, *arguments: str) -> Done:
    """Run `almanac ARGUMENTS` in the folder of a house, whose configuration is there."""
    from almanac.cli.app import main

    with _inside(house.root), _quiet():
        result = CliRunner().invoke(main, list(arguments), color=True)  # as on a terminal
    said = " ".join(result.output.split())
    raw = any(sign in said for sign in RAW)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raw = True
        where = traceback.extract_tb(result.exception.__traceback__)[-1]
        said += (
            f" {type(result.exception).__name__}: {str(result.exception)[:200]} "
            f"({Path(where.filename).name}:{where.lineno})"
        )
    return Done(result.exit_code, result.stdout, said, raw)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("ALMANAC_")}
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.update(kept)


@contextmanager
def _quiet() -> Iterator[None]:
    """The verb's own log goes to its standard error, as long as it runs."""
    logger = logging.getLogger("almanac")
    before, logger.handlers = list(logger.handlers), []
    try:
        yield
    finally:
        logger.handlers = before

"""What of a run's log a person sees on the terminal."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from almanac.cli.console import for_people, is_for_people
from almanac.core.progress import Line, advanced, said_of
from schemas.errors import SourceUnavailable

LIBRARY = "/venv/prefect"


def record(path: str, level: int, text: str, error: Exception | None = None) -> logging.LogRecord:
    info = (type(error), error, None) if error else None
    return logging.LogRecord("prefect.task_runs", level, path, 1, text, (), info, "stage")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (record("/app/tasks/nightly.py", logging.INFO, "26 files, 26 read"), True),
        (record("/venv/prefect/engine.py", logging.INFO, "Finished in state Completed()"), False),
        (record("/venv/prefect/engine.py", logging.ERROR, "Finished in state Failed('x')"), False),
        (
            record(
                "/venv/prefect/engine.py",
                logging.ERROR,
                "Encountered exception during execution: SourceUnavailable('x')",
            ),
            False,
        ),
        (record("/venv/prefect/engine.py", logging.ERROR, "it", SourceUnavailable("x")), False),
        (
            record("/venv/prefect/engine.py", logging.ERROR, "Encountered exception", OSError()),
            True,
        ),
        (record("/venv/prefect/server.py", logging.WARNING, "the disk is full"), True),
    ],
)
def test_prefects_own_lines_are_left_out(line: logging.LogRecord, shown: bool) -> None:
    assert is_for_people(LIBRARY, line) is shown


def test_the_api_still_gets_every_line() -> None:
    logger, seen, stored = logging.getLogger("prefect.task_runs"), io.StringIO(), []

    class Api(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            stored.append(record.getMessage())

    console, api = logging.StreamHandler(seen), Api()
    logger.addHandler(console)
    logger.addHandler(api)
    try:
        with for_people(Path(LIBRARY)):
            logger.handle(record("/venv/prefect/engine.py", logging.INFO, "Finished in state X"))
            logger.handle(record("/app/tasks/nightly.py", logging.INFO, "26 files"))
    finally:
        logger.removeHandler(console)
        logger.removeHandler(api)
    assert seen.getvalue() == "26 files\n"
    assert stored == ["Finished in state X", "26 files"]


def test_ctrl_c_says_what_stands_and_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, for_people(Path(LIBRARY)):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    said = capsys.readouterr().err
    assert "nothing was published" in said and "continues where this one stopped" in said


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_with_an_estimate() -> None:
    now = [0.0]
    stream = Terminal()
    line = Line(stream, lambda: now[0])
    for done in (100, 200, 300, 1000):
        now[0] += 3.0
        line("texts embedded", done, 1000)
    first, *middle, last = stream.getvalue().removesuffix("\n").split("\r")[1:]
    assert first == "200 of 1,000 texts embedded (20 %), about 12 seconds left"
    assert middle[0].startswith("300 of 1,000 texts embedded (30 %), about 14 seconds left")
    assert last.rstrip() == "1,000 of 1,000 texts embedded (100 %)"
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().endswith("\n")


def test_short_work_says_nothing_and_a_pipe_gets_plain_lines() -> None:
    now = [0.0]
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        line = Line(stream, lambda: now[0])
        line("files read", 1, 2)
        now[0] += 1
        line("files read", 2, 2)
        line.close()
    assert terminal.getvalue() == pipe.getvalue() == ""
    line = Line(pipe, lambda: now[0])
    for done in (10, 20, 30):
        line("texts embedded", done, 100)
        now[0] += 11
    assert pipe.getvalue().splitlines() == [
        "20 of 100 texts embedded (20 %), about 44 seconds left",
        "30 of 100 texts embedded (30 %), about 51 seconds left",
    ]


def test_minutes_are_said_as_minutes() -> None:
    assert said_of("texts", 1_000, 9_000, 60) == "1,000 of 9,000 texts (11 %), about 8 minutes left"


def test_nobody_need_watch() -> None:
    advanced("texts embedded", 1, 2)

"""Parsers that can hang or crash, in processes of their own.

Started when first needed, reused from file to file, gone when this process ends. A process that
dies, runs out of memory or takes too long costs its own file and no other.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from almanac.sources.parsed import Note, Options, Parsed, Row, Unreadable
from schemas.settings import Columns

OUT_OF_MEMORY = 12  # the exit status by which a child says so
MEMORY_LIMIT = 2 * 1024**3  # bytes of address space of one parser process
_NO_OPTIONS = Options()
_START_SECONDS = 60.0
_END_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parents[2]
_AT_ONCE = threading.BoundedSemaphore(min(4, os.cpu_count() or 1))
_idle: list[ParserProcess] = []


def parse_text(name: str, data: bytes, timeout: float, options: Options = _NO_OPTIONS) -> Parsed:
    """Parse one file of the format `name` in a parser process.

    Raises:
        Unreadable: the parser refused the file, died of it, or took longer than `timeout` seconds.
        ChildProcessError: no parser process can be started; nothing is wrong with the file.
    """
    parsed = _ask({"format": name, "options": asdict(options)}, data, timeout)["parsed"]
    return Parsed(**{**parsed, "notes": tuple(Note(**note) for note in parsed["notes"])})


def parse_rows(name: str, data: bytes, columns: Columns, timeout: float) -> list[Row]:
    """The rows of a table, read in a parser process; raises as `parse_text` does."""
    request = {"format": name, "columns": columns.model_dump(mode="json")}
    return [_row(row) for row in _ask(request, data, timeout)["rows"]]


def _row(row: dict[str, Any]) -> Row:
    problem = row["problem"]
    return Row(row["where"], row["values"], Note(**problem) if problem else None)


def _ask(request: dict[str, Any], data: bytes, timeout: float) -> dict[str, Any]:
    with _AT_ONCE:
        process, used = _take()
        try:
            answer = process.ask(request, data, timeout)
        except Crashed:
            if not used:
                raise
            # It may have suffered from the files before this one.
            process = ParserProcess.start()
            answer = process.ask(request, data, timeout)
        _idle.append(process)
    if "refused" in answer:
        raise Unreadable.because(Note(**answer["refused"]))
    return answer


class Crashed(Unreadable):
    """The parser process ended within a file."""


class ParserProcess:
    """One child that answers requests, one after another; ended with this object.

    Raises:
        ChildProcessError: the child did not say that it is ready.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._owner = os.getpid()
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": _python_path()},
            )
        except OSError as error:
            raise ChildProcessError(f"the parser process cannot be started: {error}") from error
        self._late = False
        self._end = weakref.finalize(self, _end, self._child, self._owner)
        if self._exchange(b"", _START_SECONDS) is None:
            raise ChildProcessError(f"the parser process did not start: {self._how_it_ended()}")

    @classmethod
    def start(cls) -> ParserProcess:
        """A fresh child with the parsers loaded."""
        # -P: the working directory must not be able to replace a module.
        module = ["-P", "-W", "ignore", "-m", "almanac.sources.parse_worker"]
        return cls([sys.executable, *module, str(MEMORY_LIMIT)])

    def is_usable(self) -> bool:
        """Whether it lives, and belongs to this process and not to one that this was forked of."""
        return self._owner == os.getpid() and self._child.poll() is None

    def ask(self, request: dict[str, Any], data: bytes, timeout: float) -> dict[str, Any]:
        """The child's answer about one file. Raises Unreadable where none came in time."""
        header = json.dumps({**request, "size": len(data), "timeout": timeout}).encode("ascii")
        answer = self._exchange(header + b"\n" + data, timeout)
        if answer is not None:
            return dict(json.loads(answer))
        if self._late:
            raise Unreadable("file_is_parseable", f"parsing it took longer than {timeout:g} s")
        raise Crashed("file_is_parseable", f"the parser died of it: {self._how_it_ended()}")

    def _exchange(self, message: bytes, timeout: float) -> bytes | None:
        """One line for `message`; None, and the child is gone, where it gave no whole line."""
        assert self._child.stdin is not None and self._child.stdout is not None
        timer = threading.Timer(timeout, self._give_up)
        timer.daemon = True
        timer.start()
        try:
            with suppress(BrokenPipeError):  # the missing answer tells why
                self._child.stdin.write(message)
                self._child.stdin.flush()
            answer = self._child.stdout.readline()
        finally:
            timer.cancel()
        if answer.endswith(b"\n"):
            return answer
        try:
            self._child.wait(_END_SECONDS)  # its own exit status tells more than our signal
        except subprocess.TimeoutExpired:
            self._child.kill()
        return None

    def _give_up(self) -> None:
        self._late = True
        self._child.kill()

    def _how_it_ended(self) -> str:
        code = self._child.wait()
        if code == OUT_OF_MEMORY:
            return f"it needs more than {MEMORY_LIMIT:,} bytes of memory"
        return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _take() -> tuple[ParserProcess, bool]:
    """A process, and whether it read files before."""
    while True:
        try:
            process = _idle.pop()
        except IndexError:
            return ParserProcess.start(), False
        if process.is_usable():
            return process, True


def _end(child: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:
        return
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _python_path() -> str:
    """The child finds this package wherever the parent found it."""
    return os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))

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
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from schemas.settings import Columns
from tasks.sources.parsed import Note, Parsed, Row, Unreadable

MEMORY_LIMIT = 2 * 1024**3  # bytes of address space of one parser process
_START_SECONDS = 60.0
_ROOT = Path(__file__).resolve().parents[2]
_AT_ONCE = threading.BoundedSemaphore(min(4, os.cpu_count() or 1))
_idle: list[ParserProcess] = []


def parse_isolated(
    kind: str, data: bytes, timeout: float, columns: Columns
) -> Parsed | list[Row]:
    """Parse one file in a parser process; rows for a table, else its text.

    Raises:
        Unreadable: the parser refused the file, died of it, or took longer than `timeout` seconds.
        ChildProcessError: no parser process can be started; nothing is wrong with the file.
    """
    request = {"kind": kind, "columns": columns.model_dump(mode="json"), "timeout": timeout}
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
    return _result(answer)


class Crashed(Unreadable):
    """The parser process ended within a file."""


class ParserProcess:
    """One child that answers requests, one after another."""

    def __init__(self, command: Sequence[str]) -> None:
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": _python_path()},
        )
        self.owner = os.getpid()
        if self._exchange(b"", _START_SECONDS) is None:
            raise ChildProcessError(f"the parser process did not start ({self._ended()})")

    @classmethod
    def start(cls) -> ParserProcess:
        """A fresh child, ready."""
        # -P: the working directory must not be able to replace a module.
        module = ["-P", "-W", "ignore", "-m", "tasks.sources.parse_worker"]
        return cls([sys.executable, *module, str(MEMORY_LIMIT)])

    def is_alive(self) -> bool:
        """Whether it can be asked, by this process."""
        return self.owner == os.getpid() and self._child.poll() is None

    def ask(self, request: dict[str, Any], data: bytes, timeout: float) -> dict[str, Any]:
        """The child's answer about one file. Raises Unreadable where it gives none."""
        header = json.dumps({**request, "size": len(data)}).encode("ascii")
        answer = self._exchange(header + b"\n" + data, timeout)
        if answer is None:
            raise self._why(timeout)
        return dict(json.loads(answer))

"""One night in a process of its own: `python -m tests.sources.connectors.killed LAKEHOUSE SOURCE`.

SOURCE is JSON. With `--after N` it kills itself, as nobody can catch it, after N files were read;
with `--stored` after the documents were stored and before what was read is remembered.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.sources.connectors import nights

ROOT = Path(__file__).resolve().parents[3]


def killed_night(lakehouse: Path, source: dict[str, Any], *words: str) -> None:
    """Run the night until it is killed; it must not end by itself."""
    command = [sys.executable, "-m", __name__, str(lakehouse), json.dumps(source), *words]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == -signal.SIGKILL, ended.stderr[-2000:]


def _die(*ignored: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _main(lakehouse: str, source: str, *words: str) -> None:
    kept = nights.ingest

    def stopping(run: Any, state: Any) -> Any:
        def progress(done: int, total: int) -> None:
            if done == int(words[1]):
                _die()

        return kept(run, state, progress=progress)

    night = nights.Nights(Path(lakehouse), **json.loads(source))
    if words[:1] == ("--after",):
        nights.ingest = stopping  # type: ignore[assignment]
    if words[:1] == ("--stored",):
        night.before_remembering = _die
    night.run()


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""What brings the journal to Delta, in a process of its own: answers never wait for it.

Great Expectations takes seconds of a processor to load and a third of one for each batch. Beside
the answers, in one interpreter, each of them would wait for that.

The process ends when its standard input does, so it never outlives the server.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from almanac.feedback.drain import drain
from almanac.journal import Journal
from lakehouse import open_lakehouse
from schemas.errors import AlmanacError
from schemas.settings import LeaseSettings, Settings

_log = logging.getLogger("almanac.serving")
_NICENESS = 10  # answers go first where there are few processors
_LONGEST_WAIT = 300  # seconds until one that ends again and again is started once more
_END_SECONDS = 10  # for a batch that is being stored when the server ends


class Storing:
    """The process, started when there is something to store, and again where it ended.

    One that ends again and again is started after a longer wait each time.
    """

    def __init__(self, settings: Settings, journal: Path) -> None:
        lease = settings.lease.model_dump(mode="json")
        self._told = json.dumps(
            {
                "lakehouse": settings.lakehouse,
                "storage_options": settings.storage_options,
                "journal": str(journal),
                "lease": lease,
            }
        )
        self._process: subprocess.Popen[str] | None = None
        self._ended, self._not_before = 0, 0.0  # times in a row; when it may be started again

    def store(self) -> None:
        """Store all that waits now. What was not stored stays in the journal; the log says why."""
        if time.monotonic() < self._not_before:
            return
        try:
            said = json.loads(_asked(self._running(), "store"))
        except (OSError, ValueError):
            self.close()
            wait = min(_LONGEST_WAIT, 2**self._ended)
            self._ended, self._not_before = self._ended + 1, time.monotonic() + wait
            _log.warning(
                "requests and votes wait in the journal: what stores them ended, and is started "
                "again in %d seconds; the lines above say why",
                wait,
            )
            return
        self._ended = 0
        if said["problem"]:
            _log.warning("requests and votes wait in the journal: %s", said["problem"])

    def close(self) -> None:
        """End the process, once the batch at hand is stored; the second time does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if process.stdin:
                process.stdin.close()
            process.wait(_END_SECONDS)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()  # a drain may be killed anywhere
            process.wait()

    def _running(self) -> subprocess.Popen[str]:
        if self._process and self._process.poll() is None:
            return self._process
        self.close()  # one that ended is waited for
        # -P: a file of the folder where the server was started is no module of ours.
        command = [sys.executable, "-P", "-m", "almanac.serving.storing"]
        # Out of the terminal's group: at Ctrl-C the server ends it, after the batch at hand.
        process = self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        _tell(process, self._told)
        return process


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _asked(process: subprocess.Popen[str], line: str) -> str:
    _tell(process, line)
    assert process.stdout
    return process.stdout.readline()


def main() -> None:
    """Read where everything is, then store at each line that comes, and say how it went."""
    os.nice(_NICENESS)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    with suppress(BrokenPipeError):  # the server was killed: nobody asks how it went
        _store_when_told(json.loads(sys.stdin.readline()), answers)


def _store_when_told(told: dict[str, Any], answers: TextIO) -> None:
    lake = open_lakehouse(told["lakehouse"], told["storage_options"])
    journal = Journal(told["journal"])
    lease = LeaseSettings.model_validate(told["lease"])
    for _ in sys.stdin:
        problem = None
        try:
            drain(lake, journal, lease)
        except AlmanacError as error:
            problem = str(error)
        except Exception:
            logging.getLogger("almanac.serving").exception("what waits could not be stored")
            problem = "of what nobody foresaw; the lines above say what"
        answers.write(json.dumps({"problem": problem}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()

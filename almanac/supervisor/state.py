"""What `almanac up` leaves behind for the next one: which processes are its own, and where.

`up.lock` is locked for as long as it lives, so that of two only one starts. `up.json` says where it
answers and which processes it started; a process is known by its number and its start together, so
that a later one of the same number is never taken for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from schemas.errors import AlmanacError

# The start of a process is reckoned from the clock's reading at boot, which may be corrected.
_CLOCK_SECONDS = 2.0


@dataclass(frozen=True)
class Identity:
    """A process; `started` in seconds since the epoch."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Identity:
        """Of a process that runs."""
        return cls(pid, psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process, or None where it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _CLOCK_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


@dataclass
class State:
    """The contents of `up.json`."""

    ui: str = ""
    api: str = ""
    ready: bool = False
    processes: dict[str, Identity] = field(default_factory=dict)

    def write(self, home: Path) -> None:
        """Replace the file as a whole."""
        fresh = home / "up.json.new"
        fresh.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        fresh.replace(home / "up.json")


class AlreadyUp(AlmanacError):
    """Another `almanac up` runs in this home; `state` says where."""

    def __init__(self, state: State) -> None:
        super().__init__(f"almanac up runs already{f': {state.ui}' if state.ui else ''}")
        self.state = state


def read_state(home: Path) -> State:
    """What the last `almanac up` wrote; empty where there is nothing or nothing readable."""
    try:
        found = json.loads((home / "up.json").read_text(encoding="utf-8"))
        processes = {name: Identity(**one) for name, one in found["processes"].items()}
        return State(found["ui"], found["api"], found["ready"], processes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return State()


@contextmanager
def only_one(home: Path) -> Iterator[State]:
    """Be the only `almanac up` of this home; gives what the last one left.

    Raises:
        AlreadyUp: another one lives.
    """
    home.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home / "up.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise AlreadyUp(read_state(home)) from None
    try:
        left = read_state(home)
        State(processes=left.processes).write(home)  # where the last one answered is over
        yield left
        (home / "up.json").unlink(missing_ok=True)
    finally:
        lock.release()

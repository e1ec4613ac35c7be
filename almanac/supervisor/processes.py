"""A child process that is kept alive: started, watched, started again, ended."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from almanac.supervisor.state import Identity
from schemas.errors import AlmanacError

logger = logging.getLogger("almanac.server")

_LONGEST_PAUSE = 60.0
_STEADY_SECONDS = 60.0  # alive for so long, the next start comes at once again
_LOG_BYTES = 20_000_000
FLOW_RUN = "PREFECT__FLOW_RUN_ID"  # in the environment of each process of a flow run


@dataclass
class ManagedProcess:
    """One process that shall run. `before` runs ahead of each start and may fail with it."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    before: Callable[[], None] = lambda: None
    patience: float = 15.0  # seconds that it is given to end
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _again: float | None = None
    _pause: float = 1.0

    def start(self) -> None:
        """In a session of its own, so that a Ctrl-C at the terminal reaches `almanac up` alone."""
        self.before()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started, self._again = time.monotonic(), None

    @property
    def is_alive(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def identity(self) -> Identity | None:
        """Of the process that runs now."""
        return Identity.of(self._process.pid) if self._process and self.is_alive else None

    def listens(self, port: int) -> bool:
        """Whether it is this process that has the port, and not a stranger."""
        if self._process is None or not self.is_alive:
            return False
        try:
            ends = psutil.Process(self._process.pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:  # a system that does not tell: then it must be believed
            return True
        return any(end.status == psutil.CONN_LISTEN and end.laddr.port == port for end in ends)

    def ensure_running(self) -> bool:
        """Start it again where it died, after a pause that doubles; whether it was started."""
        now = time.monotonic()
        if self.is_alive:
            if now - self._started > _STEADY_SECONDS:
                self._pause = 1.0
            limit_log(self.log)
            return False
        if self._again is None:
            code = self._process.returncode if self._process else None
            logger.warning(
                "The %s ended (%s); again in %.0f s", self.name, meaning(code), self._pause
            )
            self._put_off(now)
        return self._again is not None and now >= self._again and self._try(now)

    def _try(self, now: float) -> bool:
        try:
            self.start()
        except (OSError, httpx.HTTPError, RuntimeError) as error:
            logger.warning(
                "The %s cannot start (%s); again in %.0f s", self.name, error, self._pause
            )
            self._put_off(now)
            return False
        logger.info("The %s was started again", self.name)
        return True

    def _put_off(self, now: float) -> None:
        self._again = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Ask it to end, and end it where it does not."""
        if self._process is None or not self.is_alive:
            return
        self._process.terminate()
        try:
            self._process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tail(self, lines: int = 5) -> str:
        """The end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])


def meaning(code: int | None) -> str:
    """An exit code in words."""
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def limit_log(log: Path) -> None:
    """Keep the last 20 MB in `<log>.1`; writers append, and so go on at 0."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        rotate_log(log, copy=True)


def rotate_log(log: Path, copy: bool = False) -> None:
    """Empty a log; its contents go to `<log>.1`."""
    if not log.exists():
        return
    older = log.with_name(f"{log.name}.1")
    if copy:
        older.write_bytes(log.read_bytes())
        with log.open("r+b") as content:
            content.truncate(0)
    else:
        log.replace(older)


def end_leftover(name: str, identity: Identity) -> bool:
    """End what a killed `almanac up` left running; whether there was anything.

    A worker is killed and not asked, because it would end the flow runs that are under way: those
    have processes of their own and go on without it.
    """
    process = identity.find()
    if process is None:
        return False
    _end([process], patience=0.0 if name == "worker" else 15.0)
    if identity.find() is not None:
        raise AlmanacError(f"the {name} of an earlier almanac up (process {identity.pid}) lives on")
    return True


def flow_processes(home: Path) -> list[psutil.Process]:
    """The processes of flow runs of this server."""
    found = []
    for process in psutil.process_iter():
        said = environment_of(process)
        if FLOW_RUN in said and said.get("PREFECT_HOME") == str(home):
            found.append(process)
    return found


def environment_of(process: psutil.Process) -> dict[str, str]:
    """What a process was started with; empty where it is gone or somebody else's."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def end_flow_runs(home: Path, patience: float = 10.0) -> int:
    """End what the worker left of its flow runs; how many processes."""
    left = flow_processes(home)
    _end(left, patience)
    return len(left)


def _end(processes: Iterable[psutil.Process], patience: float) -> None:
    waiting = list(processes)
    for process in waiting if patience else ():
        _signal(process.terminate)
    _, waiting = psutil.wait_procs(waiting, timeout=patience)
    for process in waiting:
        _signal(process.kill)
    psutil.wait_procs(waiting, timeout=10)


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.Error:  # gone, or somebody else's: the wait for its end will tell
        return

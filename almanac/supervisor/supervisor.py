"""Server and worker of one home: started, deployed to, watched and ended."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from almanac.core.versions import code_version
from almanac.supervisor import deploying
from almanac.supervisor.address import Address, choose
from almanac.supervisor.environment import environment, own
from almanac.supervisor.processes import ManagedProcess, end_flow_runs, end_leftover, rotate_log
from almanac.supervisor.reconcile import reconcile, rescue_forgotten, worker_name
from almanac.supervisor.state import State
from almanac.supervisor.waiting import answers, takes_runs, wait_for
from schemas.errors import AlmanacError
from schemas.settings import Settings

logger = logging.getLogger("almanac.server")

POOL = "local"
_SERVER_SECONDS = 600.0  # a first start migrates the database: 14 s, on a busy machine 100 s
_WORKER_SECONDS = 300.0
_LOOK_SECONDS = 0.25
_OPEN_HOST = (
    "The server listens on %s, and %s. docs/operating.md says how to put a password and TLS in "
    "front of it"
)


@dataclass(frozen=True)
class UpOptions:
    """What the command line asks for."""

    settings: Settings
    config: Path | None = None
    lakehouse: str | None = None
    host: str | None = None
    port: int | None = None
    worker: bool = True

    @property
    def home(self) -> Path:
        """Where the server's state lives."""
        return Path(self.settings.server.home).resolve()

    @property
    def logs(self) -> Path:
        """Where server, worker and this program write what they do."""
        return self.home / "logs"

    def address(self) -> Address:
        """Free to listen at; see `almanac.supervisor.address.choose`."""
        server = self.settings.server
        asked = self.port is not None or "port" in server.model_fields_set
        return choose(self.host or server.host, self.port or server.port, asked)


class Stopped(Exception):
    """Somebody asked for the end."""


class Supervisor:
    """Server and worker of one home, from their start to their end."""

    def __init__(self, options: UpOptions, left: State, stop: threading.Event) -> None:
        """End what `left` names, and choose the address."""
        self._options = options
        self._stop = stop
        self._began = time.monotonic()
        self._root = deploying.project_root()
        self._end_leftovers(left)
        self.address = options.address()
        home = self.home = options.home
        self._environment = environment(home, self.address, options.config, options.lakehouse)
        self.logs = options.logs
        self._server = self._managed("server", "server", "start")
        self._worker = self._managed(
            "worker",
            "worker",
            "start",
            "--pool",
            POOL,
            "--type",
            "process",
            "--name",
            worker_name(),
        )
        self._worker.before = self._reconcile
        self._answers = self._managed("answers", "serve", module="almanac")
        self._processes: list[ManagedProcess] = []

    def start(self) -> dict[str, Any]:
        """Everything up to the point where runs are taken; what to tell about it.

        Raises:
            AlmanacError: the server or the worker ends, or a deployment cannot be made.
        """
        os.environ.pop("PREFECT_PROFILE", None)
        os.environ.update(own(self._environment))  # before Prefect is imported in this process
        self._warn()
        self._tell(f"Database and logs in {self.home}")
        self._launch(self._server, f"Prefect server for {self.address.ui}")
        self._await(self._server, self._serves, _SERVER_SECONDS)
        self._tell("The server answers")
        version = code_version()
        names = self._deploy(version)
        automations = self._automate()
        if self._options.worker:
            self._launch(self._worker, f"Worker {worker_name()} of the work pool {POOL}")
        for name in rescue_forgotten():
            self._tell(f"The run {name} crashed: rescue looks after it")
        if self._options.worker:
            self._await(
                self._worker, lambda: takes_runs(POOL, worker_name(), self._began), _WORKER_SECONDS
            )
        serving = self._options.settings.serving
        if serving.up:
            self._launch(self._answers, f"Answers at http://{serving.host}:{serving.port}")
        self._remember(ready=True)
        self._tell("Ready")
        return {
            "ui": self.address.ui,
            "api": self.address.api,
            "home": str(self.home),
            "logs": str(self.logs),
            "pid": os.getpid(),
            "version": version,
            "deployments": names,
            "automations": automations,
            "worker": worker_name() if self._options.worker else None,
            "seconds": round(time.monotonic() - self._began, 1),
        }

    def watch(self) -> None:
        """Start again what dies, until somebody asks for the end."""
        while True:
            self._pause()
            if any([process.ensure_running() for process in self._processes]):
                self._remember(ready=True)

    def end(self) -> None:
        """The worker first, so that its runs can say to the server how they ended.

        Runs that a killed `almanac up` left end too, whether or not there was a worker since.
        """
        self._tell("Stopping")
        self._answers.stop()
        self._worker.stop()
        end_flow_runs(self.home)
        self._server.stop()
        self._tell("Stopped; nothing is left running")

    def _end_leftovers(self, left: State) -> None:
        for name in ("answers", "worker", "server"):
            identity = left.processes.get(name)
            if identity and end_leftover(name, identity):
                self._tell(
                    f"Ended the {name} that a killed almanac up left (process {identity.pid})"
                )

    def _managed(self, name: str, *arguments: str, module: str = "prefect") -> ManagedProcess:
        log = self.logs / f"{name}.log"
        rotate_log(log)
        command = [sys.executable, "-m", module, *arguments]
        return ManagedProcess(name, command, self._environment, self._root, log)

    def _launch(self, process: ManagedProcess, what: str) -> None:
        process.start()
        self._processes.append(process)
        self._remember(ready=False)
        self._tell(f"{what} (log: {process.log.relative_to(self.home)})")

    def _remember(self, ready: bool) -> None:
        identities = {process.name: process.identity for process in self._processes}
        State(
            self.address.ui,
            self.address.api,
            ready,
            {name: identity for name, identity in identities.items() if identity},
        ).write(self.home)

    def _await(self, process: ManagedProcess, done: Callable[[], bool], seconds: float) -> None:
        def is_done() -> bool:
            if not process.is_alive:
                raise AlmanacError(
                    f"the {process.name} ended at once, see {process.log}:\n{process.tail()}"
                )
            return done()

        if not wait_for(is_done, seconds, self._pause):
            raise AlmanacError(
                f"the {process.name} does not answer after {seconds:.0f} s, see {process.log}"
            )

    def _serves(self) -> bool:
        """Another server may have taken the port since it was free, and would answer too."""
        return self._server.listens(self.address.port) and answers(self.address.api)

    def _deploy(self, version: str) -> list[str]:
        for name in deploying.ensure_pools([POOL, *deploying.pools(self._root)]):
            self._tell(f"Work pool {name} created")
        names = deploying.deploy(
            self._options.settings,
            version,
            self.home,
            self.logs / "deploy.log",
            self._environment,
            self._pause,
        )
        self._tell(f"{len(names)} deployments of version {version}: {', '.join(names)}")
        return names

    def _automate(self) -> list[str]:
        from almanac.supervisor.automations import ensure_automations

        names = ensure_automations(self._options.settings)
        self._tell(f"{len(names)} automations")
        return names

    def _reconcile(self) -> None:
        for name in reconcile(POOL, self.home):
            self._tell(f"The run {name} had lost its process: it is marked as ended")

    def _warn(self) -> None:
        asked, host = self._options.port or self._options.settings.server.port, self.address.host
        if self.address.port != asked:
            self._tell(f"Port {asked} is taken: {self.address.port} is used instead")
        if not self.address.is_loopback:
            password = "PREFECT_SERVER_API_AUTH_STRING" in self._environment
            logger.warning(
                _OPEN_HOST,
                host,
                "the password crosses the network in plain HTTP"
                if password
                else "everybody who reaches it can run flows, without a password",
            )

    def _tell(self, message: str) -> None:
        logger.info(message)

    def _pause(self) -> None:
        if self._stop.wait(_LOOK_SECONDS):
            raise Stopped

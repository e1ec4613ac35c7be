"""A server with a worker and the project's own deployments, to plant faults in."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil
import yaml

from tests.prefect_server import PrefectServer

ROOT = Path(__file__).resolve().parents[2]
POOL = "local"


def deploy(server: PrefectServer, folder: Path, names: Iterable[str] | None = None) -> None:
    """The project's own deployments (of these names), without their schedules."""
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    keep = [one for one in project["deployments"] if names is None or one["name"] in names]
    for deployment in keep:
        deployment.pop("schedules", None)
    file = folder / "prefect.yaml"
    file.write_text(yaml.safe_dump(project | {"deployments": keep}), encoding="utf-8")
    server.prefect("work-pool", "create", POOL, "--type", "process", "--overwrite", cwd=ROOT)
    server.prefect("deploy", "--all", "--prefect-file", str(file), cwd=ROOT)


class Worker:
    """A worker process, which a signal ends as it would outside of a test."""

    def __init__(self, server: PrefectServer, log: Path, **environment: str) -> None:
        quick = {"PREFECT_WORKER_QUERY_SECONDS": "2", "OMP_NUM_THREADS": "1"}
        self._environment = server.environment | quick | environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command,
                env=self._environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self) -> None:
        """SIGKILL: the worker alone, its flow runs live on."""
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGTERM, and whatever is left after it."""
        if self._process is None or self._process.poll() is not None:
            return
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for process in family:
            if process.is_running():
                process.kill()


def process_of(run: dict[str, Any]) -> psutil.Process:
    """The process that a flow run runs in."""
    return psutil.Process(int(run["infrastructure_pid"].rpartition(":")[2]))


def kill(run: dict[str, Any]) -> float:
    """SIGKILL to the run's process and all below it; when, in seconds since the epoch."""
    process = process_of(run)
    family = [*process.children(recursive=True), process]
    for one in family:
        one.kill()
    return time.time()

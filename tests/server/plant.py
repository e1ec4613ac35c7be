"""A server with a worker and the project's own deployments, to plant faults in."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import psutil
import yaml

from tests.prefect_server import PrefectServer

ROOT = Path(__file__).resolve().parents[2]
POOL = "local"
T = TypeVar("T")


def until(ask: Callable[[], T | None], seconds: float, what: str) -> T:
    """Ask until there is an answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (answer := ask()) is not None:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"{what}: not in {seconds:g} s")


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
                command, env=self._environment, cwd=ROOT, stdout=log, stderr=log,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip

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


class Api:
    """What a test asks of the server, in its own words."""

    def __init__(self, server: PrefectServer) -> None:
        self._http = httpx.Client(base_url=f"{server.api}/", timeout=300)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        answer = self._http.request(method, path, **more)
        for pause in (1, 2, 4, 8):
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:  # its SQLite was busy
                break
            time.sleep(pause)
            answer = self._http.request(method, path, **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def post(self, path: str, **body: Any) -> Any:
        return self.ask("POST", path, json=body)

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, params=query)

    def start(self, deployment: str, **more: Any) -> str:
        """Create a run of flow/name; its id. `more` is what the API takes, such as parameters."""
        found = self.get(f"deployments/name/{deployment}")["id"]
        made: str = self.post(f"deployments/{found}/create_flow_run", **more)["id"]
        return made

    def run(self, run: str | UUID) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"flow_runs/{run}")
        return found

    def wait(self, run: str, *states: str, seconds: float = 300) -> dict[str, Any]:
        """Wait until the run is in one of these states, by name."""

        def there() -> dict[str, Any] | None:
            found = self.run(run)
            return found if found["state_name"] in states else None

        return until(there, seconds, f"run {run} in {states}, now {self.run(run)['state_name']}")

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """All runs of flow/name, newest first."""
        name = deployment.partition("/")[2]
        found: list[dict[str, Any]] = self.post(
            "flow_runs/filter",
            deployments={"name": {"any_": [name]}},
            sort="EXPECTED_START_TIME_DESC",
        )
        return found

    def again(self, run: str) -> dict[str, Any] | None:
        """The second attempt at a run, if there is one."""
        key = {"idempotency_key": {"any_": [f"again-{run}"]}}
        found = self.post("flow_runs/filter", flow_runs=key)
        assert len(found) <= 1
        return found[0] if found else None


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

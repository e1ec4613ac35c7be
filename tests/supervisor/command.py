"""`almanac up` of a folder in a process of its own, as an operator would start it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.prefect_api import Api, until

ROOT = Path(__file__).resolve().parents[2]


class Command:
    """Runs the program of `project` on the configuration `folder/almanac.toml`."""

    def __init__(self, folder: Path, project: Path = ROOT, **environment: str) -> None:
        self.folder = folder
        self.home = folder / "prefect"
        self.project = project
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("ALMANAC_", "PREFECT_"))}
        fast = {"PREFECT_WORKER_QUERY_SECONDS": "2", "OMP_NUM_THREADS": "1"}
        self.environment = plain | fast | environment
        self.process: subprocess.Popen[str] | None = None
        self._rest = Api("")

    def configure(self, port: int | None, more: str = "") -> None:
        (self.folder / "docs").mkdir(exist_ok=True)
        listen = f"port = {port}\n" if port else ""
        text = f'lakehouse = "lake"\n[sources.documents]\nuri = "docs"\n{more}\n'
        (self.folder / "almanac.toml").write_text(
            f'{text}[server]\nhome = "prefect"\n{listen}', encoding="utf-8"
        )

    def _popen(self, *arguments: str) -> subprocess.Popen[str]:
        config = str(self.folder / "almanac.toml")
        return subprocess.Popen(
            [sys.executable, "-m", "almanac", "up", "--config", config, "--json", *arguments],
            cwd=self.project,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def start(self, *arguments: str) -> dict[str, Any]:
        """Start it and wait until it says that it is ready."""
        self.process = self._popen(*arguments)
        assert self.process.stdout and self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        report: dict[str, Any] = json.loads(line)
        self._rest = Api(report["api"])
        return report

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Start it and wait for its end: exit code, output, errors."""
        process = self._popen(*arguments)
        output, errors = process.communicate(timeout=120)
        return process.returncode, output, errors

    def stop(self, with_: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        assert self.process and self.process.stderr
        self.process.send_signal(with_)
        _, errors = self.process.communicate(timeout=90)
        return self.process.returncode, errors

    def kill_everything(self) -> list[int]:
        """SIGKILL for it, the server, the worker and every flow run, as a power cut would."""
        family = self.family()
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=30)
        if self.process:
            self.process.communicate()
        return [process.pid for process in family]

    def family(self) -> list[psutil.Process]:
        """Every process that lives in this home, and `almanac up` itself."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("PREFECT_HOME") == str(self.home)
            except (psutil.Error, OSError):
                continue
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        if self.process and self.process.poll() is None:
            found.insert(0, psutil.Process(self.process.pid))
        return found

    def pid(self, name: str) -> int:
        """Of `server` or `worker`, from the state file."""
        state = json.loads((self.home / "up.json").read_text(encoding="utf-8"))
        return int(state["processes"][name]["pid"])

    def ask(self, path: str, body: Any = None) -> Any:
        """Ask the API, again where its server is only just coming up."""
        method = "GET" if body is None else "POST"
        return until(lambda: (self._rest.ask(method, path, json=body),))[0]

    def runs(self, **flow_run_filter: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(
            "flow_runs/filter", {"flow_runs": flow_run_filter, "limit": 200}
        )
        return found

    def trigger(self, deployment: str, **parameters: Any) -> str:
        """Ask for a run now; its id."""
        return self._rest.start(deployment, parameters=parameters)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A night from a shell without a Prefect server: it has one of its own, in a process of its own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

_NIGHT = """
import os, sys
from almanac.cli.engine import run_flow
report = run_flow("nightly", source="docs", lakehouse="lake")
assert report["published"], report
assert "prefect.server.api.server" not in sys.modules
assert "great_expectations" not in sys.modules
print(os.environ["PREFECT_API_URL"])
"""


def test_its_runs_are_stored_and_it_ends_with_the_night(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Travel\n\nThe office manager approves travel.\n")
    home = tmp_path / "prefect"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
    }
    done = subprocess.run(
        [sys.executable, "-c", _NIGHT],
        cwd=tmp_path,
        env=environment | {"PREFECT_HOME": str(home), "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Published release 1" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr

    with sqlite3.connect(home / "prefect.db") as stored:  # as a server's UI would show it later
        runs = stored.execute("SELECT name, state_type FROM flow_run").fetchall()
        tasks = stored.execute("SELECT state_type, count(*) FROM task_run GROUP BY 1").fetchall()
        kinds = stored.execute("SELECT key FROM artifact").fetchall()
    ((name, state),) = runs
    assert name.startswith("nightly")
    assert state == "COMPLETED"
    assert tasks == [("COMPLETED", 11)]
    assert kinds == [("nightly-report",)]
    address = httpx.URL(done.stdout.split()[-1])
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


_KILLED = """
import os, signal
from almanac.cli.own_server import start_own_server
start_own_server()
print(os.environ["PREFECT_API_URL"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_its_server_ends_where_the_run_is_killed(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")
    }
    done = subprocess.run(
        [sys.executable, "-c", _KILLED],
        cwd=tmp_path,
        env=environment
        | {
            "PREFECT_HOME": str(tmp_path / "prefect"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "PYTHONPATH": str(Path.cwd()),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    address = done.stdout.strip()
    assert address.startswith("http://127.0.0.1:"), done
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            httpx.get(f"{address}/health")
        except httpx.ConnectError:
            return
        time.sleep(0.1)
    pytest.fail(f"the server at {address} goes on")

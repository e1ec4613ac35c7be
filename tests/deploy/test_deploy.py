"""`almanac deploy` against a server that runs elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.prefect_server import prefect_server

ROOT = Path(__file__).resolve().parents[2]


def deploy(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`almanac deploy` with a home of its own and no server but the one that is named."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-m", "almanac", "deploy", *arguments],
        cwd=folder,
        text=True,
        env=own | {"PREFECT_HOME": str(folder)} | environment,
        capture_output=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_without_a_server_it_says_which_it_wants(tmp_path: Path) -> None:
    nowhere = deploy(tmp_path)
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "PREFECT_API_URL is not set" in nowhere.stderr
    silent = deploy(tmp_path, "--wait", "0", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (silent.returncode, silent.stdout) == (1, "")
    assert "no Prefect server answers at http://127.0.0.1:9/api after 0 seconds" in silent.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses (401): say who you are with PREFECT_API_AUTH_STRING=user:password"),
        (500, "answered GET /api/work_pools/local with 500"),
    ],
)
def test_a_server_that_refuses_is_told_in_one_line(tmp_path: Path, status: int, said: str) -> None:
    with refusing(status) as api:
        done = deploy(tmp_path, PREFECT_API_URL=api)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"almanac: the Prefect server at {api} {said}")
    assert done.stderr.count("\n") == 1


@contextmanager
def refusing(status: int) -> Iterator[str]:
    """The address of what answers everything with that status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/health" else status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.mark.slow
def test_everything_is_made_on_a_server_elsewhere(tmp_path: Path) -> None:
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    with prefect_server(tmp_path) as server:
        # Of this folder alone: `prefect deploy` runs in the project's.
        here = tmp_path / "here"
        here.mkdir()
        (here / "prefect.toml").write_text(f'[api]\nurl = "{server.api}"\n')
        done = deploy(here, "--json")
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        pool = server.prefect("work-pool", "inspect", "local", "--output", "json", cwd=tmp_path)
    assert (made["api"], made["made_pools"]) == (server.api, ["local"])
    assert made["deployments"] == [one["name"] for one in project["deployments"]]
    # Made only where the deployment is there, on that server.
    assert "almanac: start a crashed run again" in made["automations"]
    assert json.loads(pool)["type"] == "process"

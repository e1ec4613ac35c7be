"""`almanac deploy` against a server that runs elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.prefect_server import prefect_server

ROOT = Path(__file__).resolve().parents[2]


def deploy(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`almanac deploy` with a home of its own and no server but the one that is named."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-m", "almanac", "deploy", *arguments], cwd=folder, text=True,
        env=own | {"PREFECT_HOME": str(folder)} | environment, capture_output=True, timeout=300,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_without_a_server_it_says_which_it_wants(tmp_path: Path) -> None:
    nowhere = deploy(tmp_path)
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "PREFECT_API_URL is not set" in nowhere.stderr
    silent = deploy(tmp_path, "--wait", "0", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert (silent.returncode, silent.stdout) == (1, "")
    assert "no Prefect server answers at http://127.0.0.1:9/api after 0 seconds" in silent.stderr


@pytest.mark.slow
def test_everything_is_made_on_a_server_elsewhere(tmp_path: Path) -> None:
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    with prefect_server(tmp_path) as server:
        done = deploy(tmp_path, "--json", PREFECT_API_URL=server.api)
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        pool = server.prefect("work-pool", "inspect", "local", "--output", "json", cwd=tmp_path)
    assert (made["api"], made["made_pools"]) == (server.api, ["local"])
    assert made["deployments"] == [one["name"] for one in project["deployments"]]
    assert "almanac: nightly failed" in made["automations"]
    assert json.loads(pool)["type"] == "process"

"""The pinned libraries really create scheduled runs; a wrong SQLAlchemy fails to, silently."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tasks.prefect_schedule import AUTO
from tests.prefect_api import Api, until
from tests.prefect_server import prefect_server

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def test_a_deployed_schedule_creates_runs(tmp_path: Path) -> None:
    with prefect_server(tmp_path) as server:
        server.prefect("work-pool", "create", "local", "--type", "process", cwd=ROOT)
        server.prefect(
            "deploy", "--all", "--prefect-file", str(_every_30_seconds(tmp_path)), cwd=ROOT
        )
        api = Api(server.api)
        runs = until(lambda: api.post("flow_runs/filter", limit=10), 60, "a scheduled run")
        assert {run["state_type"] for run in runs} == {"SCHEDULED"}
        assert all(run["parameters"] == {} for run in runs)
        assert all(AUTO in run["tags"] for run in runs)


def _every_30_seconds(folder: Path) -> Path:
    """The project's own prefect.yaml with a schedule that is due soon."""
    project = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    for deployment in project["deployments"]:
        if "schedules" in deployment:
            deployment["schedules"] = [{"interval": 30, "active": True}]
    file = folder / "prefect.yaml"
    file.write_text(yaml.safe_dump(project), encoding="utf-8")
    return file

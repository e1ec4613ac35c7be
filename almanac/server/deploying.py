"""The project's deployments on the server: `prefect deploy --all`, with the code's version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import almanac
from schemas.errors import AlmanacError, ConfigError

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse

PROJECT_FILE = "prefect.yaml"


def project_root() -> Path:
    """The folder of the project that this program was installed from.

    Raises:
        ConfigError: it is no checkout of the project.
    """
    root = Path(almanac.__file__).resolve().parents[1]
    if not (root / PROJECT_FILE).is_file():
        raise ConfigError(
            f"{root / PROJECT_FILE} is not there: almanac up deploys the flows of a checkout of "
            "the project, so install it from one with `pip install --editable .` (or `make up`)"
        )
    return root


def ensure_pool(name: str) -> bool:
    """Create the work pool where it is missing; whether it was. What a person set in it stays."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            pool = WorkPoolCreate(name=name, type="process", base_job_template=template)
            client.create_work_pool(pool)
            return True
    return False


def deployed() -> dict[str, DeploymentResponse]:
    """What stands on the server by now, by name."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return {found.name: found for found in client.read_deployments(limit=200)}


def plan(
    root: Path, home: Path, version: str, stands: Mapping[str, DeploymentResponse]
) -> tuple[Path, list[str]]:
    """prefect.yaml with a version for every deployment, as a file; and their names.

    The UI shows the version on a deployment's page. What a person paused in what `stands` stays so:
    `prefect deploy` alone would start it again.
    """
    project: dict[str, Any] = yaml.safe_load((root / PROJECT_FILE).read_text(encoding="utf-8"))
    for deployment in project["deployments"]:
        deployment.setdefault("version", version)
        if found := stands.get(deployment["name"]):
            _leave_paused(deployment, found)
    file = home / PROJECT_FILE
    file.write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
    return file, [deployment["name"] for deployment in project["deployments"]]


def _leave_paused(deployment: dict[str, Any], found: DeploymentResponse) -> None:
    if found.paused:
        deployment["paused"] = True
    off = {getattr(one.schedule, "cron", None) for one in found.schedules if not one.active}
    for schedule in deployment.get("schedules", []):
        if schedule.get("cron") in off - {None}:
            schedule["active"] = False


def deploying(
    file: Path, root: Path, environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start to deploy what `file` says."""
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, "--prefect-file", str(file)], env=environment, cwd=root,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip


def check(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises AlmanacError where deploying failed."""
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise AlmanacError(f"prefect deploy failed, see {log}: " + " ".join(said))

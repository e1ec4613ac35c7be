"""The project's deployments on the server: `prefect deploy --all`, as settings and code say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import almanac
from almanac.schedule.dated import lost_day
from schemas.errors import AlmanacError, ConfigError
from schemas.settings import Settings

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse

PROJECT_FILE = "prefect.yaml"
Key = tuple[str, str]  # of a deployment: entrypoint and name
_PAGE = 200  # the most that the API gives at once
_BEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
_WAIT = "ALMANAC_LEASE__WAIT_SECONDS"
_WAIT_SECONDS = "600"  # as in prefect.yaml, for a pool that is named there without it


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


def pools(root: Path) -> list[str]:
    """The work pools that prefect.yaml names."""
    named = [(one.get("work_pool") or {}).get("name") for one in _project(root)["deployments"]]
    return sorted({name for name in named if name})


def _project(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / PROJECT_FILE).read_text(encoding="utf-8"))
    return found


def ensure_pools(names: Iterable[str]) -> list[str]:
    """Create the work pools that are missing; which. What a person set in one stays."""
    return [name for name in sorted(set(names)) if _ensure_pool(name)]


def _ensure_pool(name: str) -> bool:
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


def deployed() -> dict[Key, DeploymentResponse]:
    """Which of Almanac's deployments stand on the server by now."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    from tasks.events import TAG

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    found: list[DeploymentResponse] = []
    with get_client(sync_client=True) as client:
        while part := client.read_deployments(
            deployment_filter=ours, limit=_PAGE, offset=len(found)
        ):
            found += part
    return {(one.entrypoint or "", one.name): one for one in found}


def deploy(
    settings: Settings,
    version: str,
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    pause: Callable[[], None],
) -> list[str]:
    """Deploy all that prefect.yaml says, see `plan`; the names.

    Args:
        settings: What runs go by.
        version: Of the code.
        folder: Where the plan is written.
        log: What `prefect deploy` says.
        environment: In which it runs; names the server.
        pause: Comes between two looks at whether it is done, and may raise.

    Raises:
        AlmanacError: it failed.
    """
    root = project_root()
    file, names = plan(root, folder, settings, version, deployed())
    process = deploying(file, root, environment, log)
    try:
        while process.poll() is None:
            pause()
    finally:
        process.kill()
        process.wait()
    check(process, log)
    return names


def plan(
    root: Path,
    home: Path,
    settings: Settings,
    version: str,
    stands: Mapping[Key, DeploymentResponse],
) -> tuple[Path, list[str]]:
    """prefect.yaml as settings, code and server want it, as a file; and the deployments' names.

    Each deployment gets a version, which the UI shows on its page. Its runs give a sign of life
    every `alarms.heartbeat_seconds`, and wait for another writer as `lease.wait_seconds` says, or
    10 minutes where that is set nowhere; prefect.yaml has the defaults of both for who deploys
    without Almanac. What a person paused in what `stands` stays so: `prefect deploy` alone would
    start it again.
    """
    project = _project(root)
    for deployment in project["deployments"]:
        deployment.setdefault("version", version)
        _configure(deployment.get("work_pool") or {}, settings)
        _refuse_lost_days(deployment, settings)
        if found := stands.get((deployment.get("entrypoint", ""), deployment["name"])):
            _leave_paused(deployment, found)
    file = home / PROJECT_FILE
    file.write_text(yaml.safe_dump(project, sort_keys=False), encoding="utf-8")
    return file, [deployment["name"] for deployment in project["deployments"]]


def _refuse_lost_days(deployment: Mapping[str, Any], settings: Settings) -> None:
    """Raise ConfigError for a nightly schedule whose days are others than those of addresses."""
    if not str(deployment.get("entrypoint")).endswith(":nightly"):
        return
    for schedule in deployment.get("schedules") or ():
        if schedule.get("active") is False or not schedule.get("cron"):
            continue
        zone = schedule.get("timezone") or "UTC"
        if reason := lost_day(settings, _due_in_a_year(schedule["cron"], zone), zone):
            raise ConfigError(f"{PROJECT_FILE}, {deployment['name']}, {schedule['cron']}: {reason}")


def _due_in_a_year(cron: str, zone: str) -> list[datetime]:
    from prefect.server.schemas.schedules import CronSchedule

    from tasks.prefect_schedule import dates_of

    now = datetime.now(UTC).replace(microsecond=0)
    rule = CronSchedule(cron=cron, timezone=zone)
    months = (now + timedelta(days=14 * at) for at in range(27))  # a few of each change of clocks
    return [due for start in months for due in dates_of([rule])(start, start + timedelta(days=2))]


def _configure(work_pool: dict[str, Any], settings: Settings) -> None:
    environment = work_pool.setdefault("job_variables", {}).setdefault("env", {})
    environment[_BEAT] = str(settings.alarms.heartbeat_seconds)
    if "wait_seconds" in settings.lease.model_fields_set:
        environment.pop(_WAIT, None)  # it would beat the configuration file
    else:
        environment.setdefault(_WAIT, _WAIT_SECONDS)


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
            [*command, "--prefect-file", str(file)],
            env=environment,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def check(process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises AlmanacError where deploying failed."""
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise AlmanacError(f"prefect deploy failed, see {log}: " + " ".join(said))

"""Flow runs whose process is gone, and which Prefect would call Running for ever."""

from __future__ import annotations

import platform
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from almanac.supervisor.processes import FLOW_RUN, environment_of, flow_processes

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, State

_PAGE = 200
_UNENDED = ["RUNNING", "PENDING", "CANCELLING"]
_WORKER_LABEL = "prefect.worker.name"  # Prefect's worker gives it to each run that it takes
_LATELY = timedelta(days=1)
_SILENT = timedelta(seconds=90)  # a worker's heartbeat comes every 30 s


def worker_name() -> str:
    """Of the worker of this machine; the same at each start."""
    return f"almanac-{platform.node()}"


def reconcile(pool: str, home: Path) -> list[str]:
    """End the runs of this machine's worker whose process is gone; their names.

    Call it while that worker is down. Crashed is what they become, and an automation then starts
    `rescue`; a run that was being cancelled becomes Cancelled. Runs below a run that has ended,
    which had no process of their own, end too. Idempotent.
    """
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        alone = not _others(client, pool)
        unended = _all(client, {"state": {"type": {"any_": _UNENDED}}})
        gone = [
            run
            for run in unended
            if run.work_pool_name == pool and _is_ours(run, alone) and _is_gone(run, home)
        ]
        for run in gone:
            client.set_flow_run_state(run.id, _end_of(run))
        for run in unended:
            if not run.work_pool_name and _parent_has_ended(client, run):
                client.set_flow_run_state(run.id, _end_of(run))
                gone.append(run)
    return [run.name for run in gone]


def rescue_forgotten() -> list[str]:
    """Start `rescue` for runs that crashed lately and that no rescue looked at; their names.

    At a start of the server, after `reconcile`: the event of a crash may have been lost with the
    server, and Prefect holds one back for 15 minutes that follows an event of the server before
    (prefect.server.events.ordering). None where a person switched that automation off, or where it
    is missing. Idempotent, because a rescue is.
    """
    from prefect.client.orchestration import get_client

    from almanac.supervisor.alarms import RESCUE, START_AGAIN
    from tasks.events import TAG

    since = datetime.now(UTC) - _LATELY
    with get_client(sync_client=True) as client:
        if not any(one.enabled for one in client.read_automations_by_name(START_AGAIN)):
            return []
        rescue = client.read_deployment_by_name(RESCUE).id
        seen = _all(
            client,
            {"deployment_id": {"any_": [rescue]}, "expected_start_time": {"after_": since}},
        )
        crashed = _all(
            client,
            {
                "state": {"type": {"any_": ["CRASHED"]}},
                "tags": {"all_": [TAG]},
                "end_time": {"after_": since},
            },
        )
        looked_at = {run.parameters.get("run_id") for run in seen}
        forgotten = [run for run in crashed if run.deployment_id and str(run.id) not in looked_at]
        for run in forgotten:
            client.create_flow_run_from_deployment(rescue, parameters={"run_id": str(run.id)})
    return [run.name for run in forgotten]


def _all(client: SyncPrefectClient, wanted: dict[str, Any]) -> list[FlowRun]:
    """In the order of their begin, so that a run stands before those below it."""
    from prefect.client.schemas.filters import FlowRunFilter
    from prefect.client.schemas.sorting import FlowRunSort

    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(wanted),
            sort=FlowRunSort.START_TIME_ASC,
            limit=_PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < _PAGE:
            return found


def _parent_has_ended(client: SyncPrefectClient, run: FlowRun) -> bool:
    if run.parent_task_run_id is None:
        return False
    above = client.read_task_run(run.parent_task_run_id).flow_run_id
    state = client.read_flow_run(above).state if above else None
    return state is not None and state.is_final()


def _others(client: SyncPrefectClient, pool: str) -> list[str]:
    """Workers of other machines that gave a sign of life lately."""
    recent = datetime.now(UTC) - _SILENT
    return [
        worker.name
        for worker in client.read_workers_for_work_pool(pool)
        if worker.name != worker_name()
        and worker.last_heartbeat_time is not None
        and worker.last_heartbeat_time > recent
    ]


def _is_ours(run: FlowRun, alone: bool) -> bool:
    """A run that was only just taken has no label yet: it is ours where nobody else takes any."""
    taken_by = run.labels.get(_WORKER_LABEL)
    return alone if taken_by is None else taken_by == worker_name()


def _is_gone(run: FlowRun, home: Path) -> bool:
    """No process on this machine is this run's; a later one of the same number does not count."""
    if run.infrastructure_pid and run.infrastructure_pid.isdigit():
        try:
            process = psutil.Process(int(run.infrastructure_pid))
        except psutil.NoSuchProcess:
            return True
        return environment_of(process).get(FLOW_RUN) != str(run.id)
    alive = {environment_of(process).get(FLOW_RUN) for process in flow_processes(home)}
    return str(run.id) not in alive


def _end_of(run: FlowRun) -> State[object]:
    from prefect.states import Cancelled, Crashed

    said = (
        f"Its process ({run.infrastructure_pid or 'not started'} on {platform.node()}) was gone "
        "when almanac up looked: killed, or the machine went down."
    )
    if run.state is not None and run.state.is_cancelling():
        return Cancelled(message=said)
    return Crashed(message=said)

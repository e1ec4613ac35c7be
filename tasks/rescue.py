"""Starting a crashed run again: whether, and as what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled
from pydantic import WithJsonSchema

from schemas import forms
from schemas.errors import RunRefused
from schemas.settings import load_settings
from tasks import artifacts
from tasks.events import TAG

ONCE = "once"  # the tag of deployments whose step taken twice is another one
AGAIN = "again"  # the tag of a second attempt
_KEY = "again-"
_ID = forms.like(
    "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "the id of a run, from the address of its page"
)
RunId = Annotated[UUID, WithJsonSchema({"type": "string", **_ID})]


class Crashed:
    """A run that is said to have crashed, the states it went through, and its second attempts.

    No dataclass: Prefect would walk into it as an argument of a task, and refuses runs there.
    """

    def __init__(
        self, run: FlowRun, states: Sequence[State[Any]], again: Sequence[FlowRun]
    ) -> None:
        self.run = run
        self.states = states
        self.again = again


@task(name="look-up", cache_policy=NO_CACHE)
def look_up(run_id: UUID) -> Crashed:
    """Ask Prefect.

    Raises:
        RunRefused: there is no such run.
    """
    key = FlowRunFilterIdempotencyKey(any_=[f"{_KEY}{run_id}"])
    with get_client(sync_client=True) as client:
        try:
            run = client.read_flow_run(run_id)
        except ObjectNotFound:
            raise RunRefused(f"there is no run {run_id}: take the id from its page") from None
        again = client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=key))
        return Crashed(run, client.read_flow_run_states(run.id), again)


def objection(crashed: Crashed) -> str | None:
    """Why the run must stay as it is, if it must."""
    run = crashed.run
    if run.deployment_id is None or TAG not in run.tags:
        return f"it belongs to no deployment with the tag {TAG}"
    if ONCE in run.tags:
        return f"what it does must not be done twice (tag {ONCE}): see how far it came"
    if (run.idempotency_key or "").startswith(_KEY):
        return "it was the second attempt already: a person must look"
    if any(state.is_cancelling() or state.is_cancelled() for state in crashed.states):
        return "a person cancelled it"
    if crashed.again:
        return f"it was started again before, as {crashed.again[0].name}"
    if run.state is None or not run.state.is_crashed():
        return f"it has not crashed: it is {run.state_name} now"
    return None


@task(name="leave", cache_policy=NO_CACHE)
def leave(crashed: Crashed, reason: str) -> dict[str, Any]:
    """Say why it stays as it is."""
    said = f"{crashed.run.name} stays as it is: {reason}"
    artifacts.page("rescue-report", f"# {said}.\n", "Rescue")
    return {"status": "left", "run": str(crashed.run.id), "message": said}


@task(name="start-again", cache_policy=NO_CACHE)
def start_again(crashed: Crashed) -> dict[str, Any]:
    """Start its deployment with the same parameters, job variables, tags and time.

    The key makes two rescues at a time one run. The time in the past is what the run then takes for
    its scheduled start. It waits for the lease of the crashed writer, which on another machine runs
    out only after `lease.ttl_seconds`.
    """
    run = crashed.run
    assert run.deployment_id is not None  # else there was an objection
    with get_client(sync_client=True) as client:
        second = client.create_flow_run_from_deployment(
            run.deployment_id,
            name=f"{run.name}-{AGAIN}",
            parameters=run.parameters,
            state=Scheduled(scheduled_time=run.expected_start_time),
            tags=[*run.tags, AGAIN],
            idempotency_key=f"{_KEY}{run.id}",
            work_queue_name=run.work_queue_name,
            job_variables=_patient(run),
        )
    get_run_logger().info("%s crashed; %s is its second attempt", run.name, second.name)
    artifacts.page("rescue-report", f"# {run.name} is started again as {second.name}.\n", "Rescue")
    return {"status": "started", "run": str(run.id), "again": str(second.id)}


def _patient(run: FlowRun) -> dict[str, Any]:
    """The run's job variables, with time to wait for a lease that must run out."""
    lease = load_settings(run.parameters.get("config")).lease
    wait = max(lease.wait_seconds, 2 * lease.ttl_seconds)
    given = run.job_variables or {}
    environment = given.get("env", {}) | {"ALMANAC_LEASE__WAIT_SECONDS": str(wait)}
    return given | {"env": environment}

"""Which crashed runs are started again, and as what; on a real Prefect API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Completed, Crashed, Running, Scheduled

from schemas.errors import RunRefused

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]
TWO = datetime(2026, 3, 4, 2, tzinfo=UTC)


@pytest.fixture
def client(prefect_api: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as found:
        yield found


@pytest.fixture
def deployment(client: SyncPrefectClient) -> UUID:
    return deployed(client, ["almanac", "ingest"])


def deployed(client: SyncPrefectClient, tags: list[str]) -> UUID:
    flow = client.create_flow_from_name("nightly")
    schema = {"type": "object", "properties": {"source": {"type": "string"}}}
    return client.create_deployment(
        flow, f"nightly-{uuid4()}", tags=tags, parameter_openapi_schema=schema
    )


def crashed(client: SyncPrefectClient, deployment: UUID, *before: Any, **more: Any) -> FlowRun:
    """A run of the schedule that went through these states and then crashed."""
    run = client.create_flow_run_from_deployment(
        deployment, state=Scheduled(scheduled_time=TWO), tags=["auto-scheduled"], **more
    )
    for state in (Running(), *before, Crashed(message="killed")):
        client.set_flow_run_state(run.id, state, force=True)
    return client.read_flow_run(run.id)


def rescued(run: FlowRun) -> dict[str, Any]:
    from flows.rescue import rescue

    return rescue(run_id=run.id)


def test_a_crashed_run_is_started_again_as_it_was_and_only_once(
    client: SyncPrefectClient, deployment: UUID, tmp_path: Path
) -> None:
    config = tmp_path / "almanac.toml"
    config.write_text("[lease]\nttl_seconds = 40\n")
    run = crashed(
        client,
        deployment,
        name="calm-fox",
        parameters={"source": "docs", "config": str(config)},
        job_variables={"env": {"HF_HUB_OFFLINE": "1"}},
    )
    said = rescued(run)
    again = client.read_flow_run(UUID(said.pop("again")))
    assert said == {"status": "started", "run": str(run.id)}
    assert (again.name, again.deployment_id, again.parameters) == (
        "calm-fox-again",
        deployment,
        run.parameters,
    )
    assert again.expected_start_time == TWO
    assert sorted(again.tags) == ["again", "almanac", "auto-scheduled", "ingest"]
    assert again.job_variables == {
        "env": {"HF_HUB_OFFLINE": "1", "ALMANAC_LEASE__WAIT_SECONDS": "80.0"}
    }
    assert rescued(run)["message"] == (
        "calm-fox stays as it is: it was started again before, as calm-fox-again"
    )
    client.set_flow_run_state(again.id, Crashed(), force=True)
    assert rescued(again)["message"] == (
        "calm-fox-again stays as it is: it was the second attempt already: a person must look"
    )


def test_what_a_person_cancelled_stays(client: SyncPrefectClient, deployment: UUID) -> None:
    run = crashed(client, deployment, Cancelling())
    assert rescued(run)["message"].endswith("stays as it is: a person cancelled it")


def test_what_went_on_after_all_stays(client: SyncPrefectClient, deployment: UUID) -> None:
    run = crashed(client, deployment)
    client.set_flow_run_state(run.id, Completed(), force=True)
    assert rescued(run)["message"].endswith("it has not crashed: it is Completed now")


def test_what_is_not_ours_stays(client: SyncPrefectClient) -> None:
    run = crashed(client, deployed(client, ["others"]))
    assert rescued(run)["message"].endswith("it belongs to no deployment with the tag almanac")


def test_what_must_not_be_done_twice_stays(client: SyncPrefectClient) -> None:
    run = crashed(client, deployed(client, ["almanac", "once"]))
    assert rescued(run)["message"].endswith("(tag once): see how far it came")


def test_a_run_that_is_not_there_is_an_error(client: SyncPrefectClient) -> None:
    from flows.rescue import rescue

    with pytest.raises(RunRefused, match="there is no run 00000000-"):
        rescue(run_id=UUID(int=0))

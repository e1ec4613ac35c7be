"""The automations on a real server: the exact set, and what they do when they fire."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from almanac.supervisor import deploying
from almanac.supervisor.automations import ensure_automations
from almanac.supervisor.reconcile import rescue_forgotten
from schemas.errors import ConfigError
from schemas.settings import Settings
from tasks.events import RESTS
from tests.prefect_api import Api, until
from tests.prefect_server import prefect_server
from tests.supervisor.receiver import Receiver, receiver

pytestmark = pytest.mark.slow
SECRET = "token-of-the-receiver"
ALWAYS = [
    "almanac: a flow failed",
    "almanac: nightly failed",
    "almanac: nightly is late",
    "almanac: no nightly completed",
    "almanac: quarantine high",
    "almanac: run without a sign of life",
]
WITH_DEPLOYMENTS = sorted(
    [
        *ALWAYS,
        "almanac: drift in questions",
        "almanac: start a crashed run again",
        "almanac: worker gone",
    ]
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[Api]:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with prefect_server(home) as server, temporary_settings({PREFECT_API_URL: server.api}):
        yield Api(server.api)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as found:
        found.url += f"?token={SECRET}"
        yield found


@pytest.fixture(autouse=True)
def bare(api: Api) -> Iterator[None]:
    """Each test begins without automations and deployments."""
    yield
    for kind in ("automations", "deployments"):
        for found in api.post(f"{kind}/filter"):
            api.ask("DELETE", f"{kind}/{found['id']}")


def told(hook: Receiver, **alarms: Any) -> Settings:
    return configured(address=SecretStr(hook.url), **alarms)


def configured(**alarms: Any) -> Settings:
    plain = Settings()
    return plain.model_copy(update={"alarms": plain.alarms.model_copy(update=alarms)})


def deploy(api: Api, *names: str) -> dict[str, str]:
    """Deployments flow/name that no worker will ever look at; their ids."""
    made = {}
    if not api.post("work_pools/filter"):
        api.post("work_pools/", name="local", type="process")
    for name in names:
        flow, _, deployment = name.partition("/")
        flow_id = api.post("flows/", name=flow)["id"]
        made[name] = api.post(
            "deployments/",
            name=deployment,
            flow_id=flow_id,
            tags=["almanac"],
            work_pool_name="local",
            entrypoint="none.py:none",
            enforce_parameter_schema=False,
        )["id"]
    return made


def standing(api: Api) -> dict[str, dict[str, Any]]:
    found = api.post("automations/filter")
    assert len({one["name"] for one in found}) == len(found)
    return {one["name"]: one for one in found}


def test_they_are_made_once_and_left_alone_after_that(api: Api) -> None:
    assert ensure_automations(configured()) == ALWAYS
    made = standing(api)
    assert sorted(made) == ALWAYS
    assert all(one["description"] and one["enabled"] for one in made.values())
    assert ensure_automations(configured()) == ALWAYS
    assert standing(api) == made


def test_those_that_start_a_deployment_come_with_it(api: Api) -> None:
    ids = deploy(api, "nightly/nightly", "rescue/rescue", "feedback/feedback")
    assert ensure_automations(configured()) == WITH_DEPLOYMENTS
    made = standing(api)
    assert made["almanac: start a crashed run again"]["actions"][0] == {
        "type": "run-deployment",
        "source": "selected",
        "schedule_after": 0.0,
        "deployment_id": ids["rescue/rescue"],
        "job_variables": None,
        "parameters": {"run_id": {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}},
    }
    assert made["almanac: worker gone"]["trigger"]["match"]["prefect.resource.name"] == ["local"]


def test_one_that_differs_is_changed_where_it_is(api: Api) -> None:
    ensure_automations(configured())
    before = standing(api)
    ensure_automations(configured(late_minutes=90.0))
    after = standing(api)
    late = "almanac: nightly is late"
    assert (before.pop(late)["id"], 5400.0) == (
        after[late]["id"],
        after.pop(late)["trigger"]["within"],
    )
    assert after == before


def test_what_is_no_longer_wanted_or_is_there_twice_goes_and_others_stay(api: Api) -> None:
    ensure_automations(configured())
    content = standing(api)["almanac: nightly failed"]
    bare = {key: content[key] for key in ("description", "trigger", "actions")}
    bare["trigger"].pop("id")
    for name in ("almanac: of an older version", "almanac: nightly failed", "almanac's neighbour"):
        api.post("automations/", name=name, **bare)
    ensure_automations(configured())
    assert sorted(standing(api)) == sorted([*ALWAYS, "almanac's neighbour"])


def test_one_that_a_person_switched_off_stays_off(api: Api) -> None:
    ensure_automations(configured())
    late = standing(api)["almanac: nightly is late"]["id"]
    api.ask("PATCH", f"automations/{late}", json={"enabled": False})
    ensure_automations(configured(late_minutes=90.0))
    off = {name for name, one in standing(api).items() if not one["enabled"]}
    assert off == {"almanac: nightly is late"}


def test_the_address_is_stored_encrypted_and_goes_with_the_setting(
    api: Api, hook: Receiver, home: Path
) -> None:
    ensure_automations(told(hook))
    shown = json.dumps([api.post("automations/filter"), api.post("block_documents/filter")])
    assert SECRET not in shown
    assert "127.0.0.1" not in json.dumps(api.post("block_documents/filter")[0]["data"])
    assert [one["name"] for one in api.post("block_documents/filter")] == ["almanac-alarms"]
    with sqlite3.connect(home / "prefect.db") as database:
        assert SECRET not in "\n".join(database.iterdump())
    ensure_automations(configured())
    assert api.post("block_documents/filter") == []
    kinds = {action["type"] for one in standing(api).values() for action in one["actions"]}
    assert kinds == {"do-nothing", "change-flow-run-state"}


def test_an_address_that_is_none_is_refused_and_not_repeated(api: Api) -> None:
    with pytest.raises(ConfigError, match=r"address 2 .*\(nonsense://…\)") as refused:
        ensure_automations(configured(address=SecretStr(f"json://host nonsense://{SECRET}")))
    assert SECRET not in str(refused.value)
    assert standing(api) == {}


def test_a_crashed_run_is_told_and_handed_to_rescue(api: Api, hook: Receiver, home: Path) -> None:
    deploy(api, "nightly/nightly", "rescue/rescue")
    ensure_automations(told(hook))
    run = api.start("nightly/nightly", name="calm-fox")
    crash(api, run)
    _, message = hook.wait_for("Almanac: nightly failed")
    assert message["message"].startswith("Run calm-fox, due at ")
    assert "ended as Crashed: the process is gone." in message["message"]
    assert f"/runs/flow-run/{run}\n" in message["message"]
    assert "What to do: Readers go on with the last release" in message["message"]
    rescue = until(lambda: next(iter(api.runs("rescue/rescue")), None), 60, "a rescue")
    assert rescue["parameters"] == {"run_id": run}
    assert SECRET not in (home / "server.log").read_text()
    events = api.post("events/filter", filter={"event": {"prefix": ["prefect.automation"]}})
    assert SECRET not in json.dumps(events)


def test_who_switched_it_off_gets_no_rescue_at_a_start_either(api: Api) -> None:
    again = "almanac: start a crashed run again"
    deploy(api, "nightly/nightly", "rescue/rescue")
    ensure_automations(configured())
    found = standing(api)[again]["id"]
    api.ask("PATCH", f"automations/{found}", json={"enabled": False})
    run = api.start("nightly/nightly", name="calm-hen")
    crash(api, run)
    assert rescue_forgotten() == []
    api.ask("PATCH", f"automations/{found}", json={"enabled": True})
    assert "calm-hen" in rescue_forgotten()  # and what other tests left
    assert {"run_id": run} in [one["parameters"] for one in api.runs("rescue/rescue")]
    assert rescue_forgotten() == []


def test_only_deployments_of_almanac_are_looked_at(api: Api) -> None:
    ids = deploy(api, "nightly/nightly", "rescue/rescue")
    flow = api.post("flows/", name="theirs")["id"]
    api.post("deployments/", name="nightly", flow_id=flow, paused=True, entrypoint="none.py:none")
    found = deploying.deployed()
    assert {key: str(one.id) for key, one in found.items()} == {
        ("none.py:none", name.partition("/")[2]): made for name, made in ids.items()
    }


def test_a_message_that_nobody_takes_does_not_give_the_address_away(
    api: Api, hook: Receiver, home: Path
) -> None:
    hook.answer = 500
    deploy(api, "nightly/nightly")
    ensure_automations(told(hook))
    crash(api, api.start("nightly/nightly"))
    failed = {"filter": {"event": {"name": ["prefect.automation.action.failed"]}}}
    events = until(lambda: api.post("events/filter", **failed)["events"] or None, 60, "an event")
    said = events[0]["payload"]
    assert said["reason"] == "Notification failed"
    assert said["notification_log"] == (
        "an address of alarms.address did not take the message (1 in all)"
    )
    assert SECRET not in (home / "server.log").read_text() + json.dumps(events)


def test_quarantine_has_the_figures_of_its_event(api: Api, hook: Receiver) -> None:
    ensure_automations(told(hook))
    payload = {"rejected": 3, "documents": 23, "new": 2, "run": "the-run"}
    message = None
    while message is None:  # a server that only just began loses events at first
        api.ask("POST", "events", json=[event("almanac.quarantine.high", payload)])
        with suppress(AssertionError):
            _, message = hook.wait_for("Almanac: quarantine high", 15)
    assert message["message"].startswith(
        "3 of 23 documents are in quarantine, more than 5.0%; 2 rows are new.\n"
    )
    assert "/runs/flow-run/the-run\n" in message["message"]


def test_a_run_without_a_sign_of_life_crashes_and_one_that_rests_does_not(api: Api) -> None:
    deploy(api, "nightly/nightly", "tune/tune")
    ensure_automations(configured(heartbeat_seconds=10))  # three of them are 30 seconds
    lifeless, alive = api.start("nightly/nightly"), api.start("nightly/nightly")
    rests = api.start("tune/tune")
    for run in (lifeless, alive, rests):
        api.post(f"flow_runs/{run}/set_state", state={"type": "RUNNING"}, force=True)
    waits = {"type": "PAUSED", "name": "Suspended"}
    api.post(f"flow_runs/{rests}/set_state", state=waits, force=True)
    beat = "prefect.flow-run.heartbeat"
    # The last sign of life comes after the server's own word of the suspension, as it often does.
    api.ask("POST", "events", json=[of_run(lifeless, beat), of_run(rests, beat)])

    def crashed() -> bool | None:
        api.ask("POST", "events", json=[of_run(alive, beat), of_run(rests, RESTS)])
        time.sleep(2)  # more of them would wait in a busy server
        return api.run(lifeless)["state_name"] == "Crashed" or None

    until(crashed, 180, "the lifeless run crashed")
    assert api.run(lifeless)["state"]["message"].startswith("No sign of life for 30 seconds")
    assert (api.run(alive)["state_name"], api.run(rests)["state_name"]) == ("Running", "Suspended")


def of_run(run: str, name: str) -> dict[str, Any]:
    tag = {"prefect.resource.id": "prefect.tag.almanac", "prefect.resource.role": "tag"}
    return event(name, {}, f"prefect.flow-run.{run}") | {"related": [tag]}


def event(
    name: str, payload: dict[str, Any], resource: str = "almanac.index.documents"
) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred": datetime.now(UTC).isoformat(),
        "event": name,
        "resource": {"prefect.resource.id": resource},
        "payload": payload,
    }


def crash(api: Api, run: str) -> None:
    for state in ({"type": "RUNNING"}, {"type": "CRASHED", "message": "the process is gone"}):
        api.post(f"flow_runs/{run}/set_state", state=state, force=True)

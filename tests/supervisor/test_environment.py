"""What server, worker and deployments are told."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.responses import DeploymentResponse

import almanac
from almanac.supervisor import deploying
from almanac.supervisor.address import Address
from almanac.supervisor.environment import environment, own
from schemas.errors import AlmanacError, ConfigError
from schemas.settings import Settings
from tests.supervisor.command import ROOT

HERE, THERE = Address("127.0.0.1", 4200), Address("0.0.0.0", 4200)
WAIT = "ALMANAC_LEASE__WAIT_SECONDS"


def test_prefect_lives_in_the_home_and_calls_nobody(tmp_path: Path) -> None:
    found = environment(tmp_path, HERE, tmp_path / "almanac.toml", None)
    assert found["PREFECT_HOME"] == str(tmp_path)
    assert found["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert (found["PREFECT_SERVER_API_HOST"], found["PREFECT_SERVER_API_PORT"]) == (
        "127.0.0.1",
        "4200",
    )
    assert (found["PREFECT_SERVER_ANALYTICS_ENABLED"], found["DO_NOT_TRACK"]) == ("false", "1")
    assert found["ALMANAC_CONFIG"] == str(tmp_path / "almanac.toml")
    assert found["PREFECT_SERVER_UI_API_URL"] == "/api"


def test_what_listens_everywhere_is_asked_on_loopback(tmp_path: Path) -> None:
    found = environment(tmp_path, THERE, None, None)
    assert found["PREFECT_SERVER_API_HOST"] == "0.0.0.0"
    assert found["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"


def test_what_the_environment_says_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://db/prefect")
    monkeypatch.setenv("PREFECT_WORKER_QUERY_SECONDS", "30")
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "admin:secret")
    monkeypatch.setenv("PREFECT_PROFILE", "mine")
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    found = environment(tmp_path, HERE, None, None)
    assert found["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://db/prefect"
    assert found["PREFECT_WORKER_QUERY_SECONDS"] == "30"
    assert found["PREFECT_API_AUTH_STRING"] == "admin:secret"
    assert found["PREFECT_API_URL"] == HERE.api
    assert "PREFECT_PROFILE" not in found


def test_a_run_waits_longer_for_the_server_than_this_process(tmp_path: Path) -> None:
    children = environment(tmp_path, HERE, None, None)
    assert children["PREFECT_CLIENT_MAX_RETRIES"] == "6"
    assert own(children) == children | {"PREFECT_CLIENT_MAX_RETRIES": "2"}


@pytest.mark.parametrize(
    ("given", "expected"), [("lake", "{here}/lake"), ("s3://bucket/lake", "s3://bucket/lake")]
)
def test_a_lakehouse_is_named_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = environment(tmp_path, HERE, None, given)
    assert found["ALMANAC_LAKEHOUSE"] == expected.format(here=tmp_path)


def test_every_deployment_gets_the_version_of_the_code(tmp_path: Path) -> None:
    file, names = deploying.plan(ROOT, tmp_path, Settings(), "1.2+abc", {})
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    original = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    assert names == [one["name"] for one in original["deployments"]]
    assert {one.pop("version") for one in written["deployments"]} == {"1.2+abc"}
    assert written == original  # prefect.yaml has the defaults of the settings


@pytest.mark.parametrize(
    ("lease", "waits"), [({}, "600"), ({"wait_seconds": 0}, None), ({"wait_seconds": 5}, None)]
)
def test_runs_are_told_what_is_configured(
    tmp_path: Path, lease: dict[str, float], waits: str | None
) -> None:
    project = {
        "deployments": [
            {"name": "tune", "entrypoint": "t.py:t", "work_pool": {"name": "gpu"}},
            {
                "name": "nightly",
                "entrypoint": "n.py:n",
                "work_pool": {
                    "name": "local",
                    "job_variables": {
                        "env": {
                            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
                            WAIT: "600",
                            "FOO": "bar",
                        }
                    },
                },
            },
        ]
    }
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    settings = Settings.model_validate({"alarms": {"heartbeat_seconds": 45}, "lease": lease})
    file, _ = deploying.plan(tmp_path, tmp_path, settings, "1", {})
    written = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    expected = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "45"} | ({WAIT: waits} if waits else {})
    assert [one["work_pool"]["job_variables"]["env"] for one in written] == [
        expected,
        expected | {"FOO": "bar"},
    ]


def test_every_pool_that_is_named_is_one(tmp_path: Path) -> None:
    pools = [{"name": "local"}, {"name": "gpu"}, {"name": "local"}, {}]
    project = {"deployments": [{"name": "x", "work_pool": pool} for pool in pools]}
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(project), encoding="utf-8")
    assert deploying.pools(tmp_path) == ["gpu", "local"]


def test_what_a_person_paused_stays_paused(tmp_path: Path) -> None:
    daily = {"schedule": {"cron": "0 2 * * *"}, "active": False}
    found = DeploymentResponse.model_validate(
        {"id": uuid4(), "flow_id": uuid4(), "name": "nightly", "paused": True, "schedules": [daily]}
    )
    key = ("flows/nightly.py:nightly", "nightly")
    stands = {key: found, ("flows/other.py:nightly", "backfill"): found}
    file, _ = deploying.plan(ROOT, tmp_path, Settings(), "1", stands)
    written = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
    paused = {one["name"] for one in written if one.get("paused")}
    off = {one["name"] for one in written for at in one.get("schedules", []) if not at["active"]}
    assert paused == off == {"nightly"}


def test_a_program_without_its_project_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(almanac, "__file__", str(tmp_path / "almanac" / "__init__.py"))
    with pytest.raises(ConfigError, match=r"prefect.yaml is not there.*pip install --editable"):
        deploying.project_root()


def test_a_deployment_that_fails_says_why(tmp_path: Path) -> None:
    file = tmp_path / "prefect.yaml"
    file.write_text("deployments: [{name: x, entrypoint: 'flows/none.py:none'}]", encoding="utf-8")
    log = tmp_path / "deploy.log"
    process = deploying.deploying(file, ROOT, environment(tmp_path, HERE, None, None), log)
    process.wait(120)
    with pytest.raises(AlmanacError, match="prefect deploy failed, see"):
        deploying.check(process, log)

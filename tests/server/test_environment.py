"""What server, worker and deployments are told."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from prefect.client.schemas.responses import DeploymentResponse

import almanac
from almanac.server import deploying
from almanac.server.address import Address
from almanac.server.environment import environment
from schemas.errors import AlmanacError, ConfigError
from tests.server.command import ROOT

HERE, THERE = Address("127.0.0.1", 4200), Address("0.0.0.0", 4200)


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
    file, names = deploying.plan(ROOT, tmp_path, "1.2+abc", {})
    written = yaml.safe_load(file.read_text(encoding="utf-8"))
    original = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    assert names == [one["name"] for one in original["deployments"]]
    assert {one.pop("version") for one in written["deployments"]} == {"1.2+abc"}
    assert written == original


def test_what_a_person_paused_stays_paused(tmp_path: Path) -> None:
    daily = {"schedule": {"cron": "0 2 * * *"}, "active": False}
    found = DeploymentResponse.model_validate(
        {"id": uuid4(), "flow_id": uuid4(), "name": "nightly", "paused": True, "schedules": [daily]}
    )
    file, _ = deploying.plan(ROOT, tmp_path, "1", {"nightly": found})
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

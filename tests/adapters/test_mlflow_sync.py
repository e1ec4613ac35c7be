"""The mirror in a real MLflow registry (SQLite, no server)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from almanac.adapters import promotion
from schemas.settings import TuningSettings
from tests.adapters.conftest import House

pytest.importorskip("mlflow")
pytestmark = pytest.mark.slow
NAME = "almanac-documents"


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> bytes:
    """A registry's database: making one takes seconds, so it is made once."""
    file = tmp_path_factory.mktemp("mlflow") / "empty.db"
    client(f"sqlite:///{file}").search_registered_models()
    return file.read_bytes()


@pytest.fixture
def mirrored(house: House, tmp_path: Path, empty: bytes) -> House:
    (tmp_path / "mlflow.db").write_bytes(empty)
    configure(house, f"sqlite:///{tmp_path / 'mlflow.db'}")
    return house


def client(uri: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def configure(house: House, uri: str | None) -> None:
    house.settings = house.settings.model_copy(update={"tuning": TuningSettings(mlflow=uri)})


def told(house: House) -> tuple[dict[str, str], dict[str, str]]:
    """What the registry says: adapter by alias, stage by adapter."""
    registry = client(str(house.settings.tuning.mlflow))
    versions = {one.version: one.tags for one in registry.search_model_versions(f"name='{NAME}'")}
    aliases = registry.get_registered_model(NAME).aliases
    return (
        {alias: versions[version]["adapter"] for alias, version in aliases.items()},
        {tags["adapter"]: tags["stage"] for tags in versions.values()},
    )


def test_versions_and_aliases_follow_each_step(mirrored: House) -> None:
    base = {"name": "org/small", "revision": "r1", "sha256": "ab"}
    assert mirrored.offer("a1", base=base)["mirror"] == "done"
    version = client(str(mirrored.settings.tuning.mlflow)).get_model_version(NAME, 1)
    assert version.source == "almanac://adapters/a1"
    assert version.tags == {
        "adapter": "a1",
        "dataset": "d1",
        "method": "sft",
        "base": "org/small",
        "base_revision": "r1",
        "base_sha256": "ab",
        "verdict": "+9 % [4, 13]",
        "stage": "candidate",
        "retrain": "false",
        "actor": "the gate",
        "reason": "+9 % [4, 13]",
    }
    assert told(mirrored) == ({"candidate": "a1"}, {"a1": "candidate"})
    mirrored.promote("a1")
    mirrored.offer("bad", offered=False)
    mirrored.promote("b2")
    assert told(mirrored) == ({"production": "b2"}, {"a1": "archived", "b2": "production"})
    promotion.rollback(mirrored.settings, "eve")
    assert told(mirrored) == (
        {"production": "a1", "staging": "b2"},
        {"a1": "production", "b2": "staging"},
    )
    promotion.reject(mirrored.settings, "b2", "eve", "too curt")
    assert told(mirrored) == ({"production": "a1"}, {"a1": "production", "b2": "rejected"})


def test_a_registry_that_is_away_undoes_no_step_and_catches_up(mirrored: House) -> None:
    uri = mirrored.settings.tuning.mlflow
    configure(mirrored, f"sqlite:///{__file__}/no-folder.db")
    assert mirrored.offer("a1")["mirror"].startswith("not reached: ")
    assert promotion.approve(mirrored.settings, "a1", "ann", "reads well")["stage"] == "staging"
    configure(mirrored, None)
    assert "mirror" not in mirrored.offer("b2")
    configure(mirrored, uri)
    assert promotion.approve(mirrored.settings, "a1", "ann", "reads well")["mirror"] == "done"
    assert told(mirrored) == (
        {"candidate": "b2", "production": "a1"},
        {"a1": "production", "b2": "candidate"},
    )

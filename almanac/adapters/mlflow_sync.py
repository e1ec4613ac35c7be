"""A mirror of the adapters in an MLflow model registry, for those who look there.

The table `adapters` stays the truth: an erasure reaches it, it needs no server, and its rows are
written under the same lease as releases. After each step the registry is made to say what the
table says, so that what it missed while it was away comes with the next step.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from almanac.adapters.registry import Standing, in_stage, standings
from almanac.core.file_check import Attempt
from lakehouse import Lakehouse, open_lakehouse
from schemas.errors import ConfigError
from schemas.settings import Settings

_log = logging.getLogger("almanac.adapters")
_ALIASES = ("candidate", "staging", "production")
_MOST = 10_000  # versions of one model that are looked at
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}


def mirror(settings: Settings, name: str) -> dict[str, str]:
    """Bring the adapters of one name in the registry of `tuning.mlflow` up to date.

    Returns:
        `mirror`: "done", or what went wrong; nothing where no registry is configured. It never
        raises: the step was taken by then.
    """
    uri = settings.tuning.mlflow
    if uri is None:
        return {}
    with Attempt() as attempt:
        _follow(settings, uri, name)
    if attempt.failed:
        _log.warning("the MLflow registry does not follow: %s", attempt.failed)
    return {"mirror": f"not reached: {attempt.failed}" if attempt.failed else "done"}


def _follow(settings: Settings, uri: str, name: str) -> None:
    for key, value in _DEFAULTS.items():
        os.environ.setdefault(key, value)
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise ConfigError(
            "MLflow's client is not installed: pip install 'almanac[mlflow]'"
        ) from None

    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    found = [one for one in standings(lake.adapters.steps()) if one.name == name]
    offered = [one for one in reversed(found) if one.stage != "refused"]
    if not offered:
        return
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, description="LoRA adapters approved in Almanac")
    versions = _versions(client, name)
    for one in offered:
        if one.adapter.adapter_id not in versions:
            version = client.create_model_version(name, _source(lake, one), tags=_made(one))
            versions[one.adapter.adapter_id] = version
        _tag(client, versions[one.adapter.adapter_id], _moved(one))
    _point(client, name, found, versions)


def _versions(client: Any, name: str) -> dict[str, Any]:
    found = client.search_model_versions(f"name = '{name}'", max_results=_MOST)
    return {one.tags["adapter"]: one for one in found if "adapter" in one.tags}


def _tag(client: Any, version: Any, wanted: Mapping[str, str]) -> None:
    for key, value in wanted.items():
        if version.tags.get(key) != value:
            client.set_model_version_tag(version.name, version.version, key, value)


def _point(client: Any, name: str, found: Sequence[Standing], versions: dict[str, Any]) -> None:
    have = client.get_registered_model(name).aliases
    for alias in _ALIASES:
        there = in_stage(found, alias)
        wanted = versions[there.adapter.adapter_id].version if there else None
        if wanted is None and alias in have:
            client.delete_registered_model_alias(name, alias)
        elif wanted is not None and have.get(alias) != wanted:
            client.set_registered_model_alias(name, alias, wanted)


def _source(lake: Lakehouse, one: Standing) -> str:
    """Where the files are. A server refuses local paths, and could not read them."""
    folder = f"adapters/{one.adapter.adapter_id}"
    return lake.location.child(folder) if "://" in lake.location.uri else f"almanac://{folder}"


def _made(one: Standing) -> dict[str, str]:
    record = one.adapter.record
    base = record.get("base") or {}
    said = {
        "adapter": one.adapter.adapter_id,
        "dataset": record.get("dataset"),
        "method": record.get("method"),
        "base": base.get("name"),
        "base_revision": base.get("revision"),
        "base_sha256": base.get("sha256"),
        "verdict": "; ".join(record.get("reasons", [])) or None,
    }
    return {key: str(value) for key, value in said.items() if value is not None}


def _moved(one: Standing) -> dict[str, str]:
    step = one.adapter
    return {
        "stage": one.stage,
        "retrain": str(one.retrain).lower(),
        "actor": step.actor,
        "reason": step.reason[:500],
    }

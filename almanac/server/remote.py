"""Deploying to a server that runs elsewhere: a compose file's, a cluster's."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

import httpx
import yaml

from almanac.server import deploying
from schemas.errors import AlmanacError, ConfigError
from schemas.settings import Settings
from tasks.stages.versions import code_version

_LOG = logging.getLogger("almanac.server")
_LOOK_SECONDS = 1.0


def deploy_all(settings: Settings, wait_seconds: float) -> dict[str, Any]:
    """Make the work pools that are missing, all deployments, and the automations.

    The same again changes nothing.

    Args:
        settings: `[alarms]` and `[drift]` decide over the automations.
        wait_seconds: How long the server may take to answer.

    Raises:
        ConfigError: no server is named.
        AlmanacError: it does not answer in time, or a deployment cannot be made.
    """
    from prefect.settings import get_current_settings

    from almanac.server.automations import ensure_automations

    api = get_current_settings().api.url
    if api is None:
        raise ConfigError(
            "PREFECT_API_URL is not set: `almanac deploy` is for a server that runs elsewhere, and "
            "`almanac up` starts one here"
        )
    _await(api, wait_seconds)
    root, version = deploying.project_root(), code_version()
    made = [name for name in _pools(root) if deploying.ensure_pool(name)]
    names = _deploy(root, get_current_settings().home, version)
    automations = ensure_automations(settings)
    return {
        "api": api, "version": version, "made_pools": made, "deployments": names,
        "automations": automations,
    }  # fmt: skip


def _await(api: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not _answers(api):
        if time.monotonic() > deadline:
            raise AlmanacError(
                f"no Prefect server answers at {api} after {seconds:g} seconds: start it, or name "
                "another in PREFECT_API_URL"
            )
        time.sleep(_LOOK_SECONDS)


def _answers(api: str) -> bool:
    try:
        return httpx.get(f"{api}/health", timeout=5).status_code < 500
    except httpx.HTTPError:
        return False


def _pools(root: Path) -> list[str]:
    project = yaml.safe_load((root / deploying.PROJECT_FILE).read_text(encoding="utf-8"))
    return sorted({one["work_pool"]["name"] for one in project["deployments"]})


def _deploy(root: Path, home: Path, version: str) -> list[str]:
    home.mkdir(parents=True, exist_ok=True)
    file, names = deploying.plan(root, home, version, deploying.deployed())
    log = home / "deploy.log"
    process = deploying.deploying(file, root, os.environ, log)
    process.wait()
    deploying.check(process, log)
    _LOG.info("%d deployments of version %s", len(names), version)
    return names

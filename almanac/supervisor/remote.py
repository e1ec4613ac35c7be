"""Deploying to a server that runs elsewhere: a compose file's, a cluster's."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import httpx

from almanac.core.versions import code_version
from almanac.supervisor import deploying
from almanac.supervisor.waiting import answers, wait_for
from schemas.errors import AlmanacError, ConfigError
from schemas.settings import Settings

_LOG = logging.getLogger("almanac.server")
_LOOK_SECONDS = 1.0


def deploy_all(settings: Settings, wait_seconds: float) -> dict[str, Any]:
    """Make the work pools that are missing, all deployments, and the automations.

    The same again changes nothing.

    Args:
        settings: `[alarms]` and `[drift]` decide over the automations, `[alarms]` and `[lease]`
            over what runs are told.
        wait_seconds: How long the server may take to answer.

    Raises:
        ConfigError: no server is named.
        AlmanacError: it does not answer in time or refuses, or a deployment cannot be made.
    """
    from prefect.settings import get_current_settings

    api = get_current_settings().api.url
    if api is None:
        raise ConfigError(
            "PREFECT_API_URL is not set: `almanac deploy` is for a server that runs elsewhere, and "
            "`almanac up` starts one here"
        )
    if not wait_for(lambda: answers(api, elsewhere=True), wait_seconds, _pause):
        raise AlmanacError(
            f"no Prefect server answers at {api} after {wait_seconds:g} seconds: start it, or name "
            "another in PREFECT_API_URL"
        )
    try:
        return _deploy(settings, api)
    except httpx.HTTPError as error:
        raise AlmanacError(f"the Prefect server at {api} {_refusal(error)}") from error


def _deploy(settings: Settings, api: str) -> dict[str, Any]:
    from prefect.settings import get_current_settings

    from almanac.supervisor.automations import ensure_automations

    version, home = code_version(), get_current_settings().home
    home.mkdir(parents=True, exist_ok=True)
    made = deploying.ensure_pools(deploying.pools(deploying.project_root()))
    # It runs in the project's folder, and what this one says of the server counts there, too.
    same = get_current_settings().to_environment_variables(exclude_unset=True)
    names = deploying.deploy(
        settings, version, home, home / "deploy.log", os.environ | same, _pause
    )
    _LOG.info("%d deployments of version %s", len(names), version)
    return {
        "api": api,
        "version": version,
        "made_pools": made,
        "deployments": names,
        "automations": ensure_automations(settings),
    }


def _refusal(error: httpx.HTTPError) -> str:
    """What it did, and the next step."""
    if not isinstance(error, httpx.HTTPStatusError):
        return f"was lost on the way ({error or type(error).__name__}): deploy again"
    code = error.response.status_code
    if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return (
            f"refuses ({code}): say who you are with PREFECT_API_AUTH_STRING=user:password, as it "
            "or the proxy before it wants"
        )
    asked = f"{error.request.method} {error.request.url.path}"
    return f"answered {asked} with {code}: see its log, then deploy again"


def _pause() -> None:
    time.sleep(_LOOK_SECONDS)

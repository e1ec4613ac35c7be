"""The environment in which server, worker and deployments run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from almanac.supervisor.address import Address
from schemas.settings import ENV_FILE, anchor

# Prefect keeps who holds a concurrency slot in memory unless told otherwise: after a restart of the
# server such a slot would stay taken for ever. These stand in <home>/concurrency_leases.
_LEASES = "prefect.server.concurrency.lease_storage.filesystem"
# A run outlives two minutes without a server (2 + 4 + ... + 64 s); Prefect's own 5 make it one.
_RETRIES = "6"
# In this process such a wait would keep a Ctrl-C unheard: 2 + 4 s.
_OWN_RETRIES = "2"
_LAKEHOUSE = "ALMANAC_LAKEHOUSE"


def environment(
    home: Path, address: Address, config: Path | None, lakehouse: str | None
) -> dict[str, str]:
    """This process's own, with what makes Prefect live in `home` and answer at `address`.

    What the environment says of database, authentication and the worker's pace stays.
    """
    ours = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": address.api,
        "PREFECT_SERVER_API_HOST": address.host,
        "PREFECT_SERVER_API_PORT": str(address.port),
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": _LEASES,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    defaults = {
        "PREFECT_WORKER_QUERY_SECONDS": "5",
        "PREFECT_CLIENT_MAX_RETRIES": _RETRIES,
        # Of the host that the page is from: a tunnel or a proxy may stand between.
        "PREFECT_SERVER_UI_API_URL": "/api",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }
    return defaults | _inherited() | ours | _almanac(config, lakehouse)


def own(children: Mapping[str, str]) -> dict[str, str]:
    """What this process itself goes by; all of it but for the patience of Prefect's client."""
    return {**children, "PREFECT_CLIENT_MAX_RETRIES": _OWN_RETRIES}


def _inherited() -> dict[str, str]:
    """Without a profile, which would be looked for in `home`; the client knows the password."""
    inherited = {name: value for name, value in os.environ.items() if name != "PREFECT_PROFILE"}
    if password := inherited.get("PREFECT_SERVER_API_AUTH_STRING"):
        inherited.setdefault("PREFECT_API_AUTH_STRING", password)
    return inherited


def _almanac(config: Path | None, lakehouse: str | None) -> dict[str, str]:
    """Paths seen from here, because flows run in the folder of the project."""
    found = {ENV_FILE: str(config.resolve())} if config else {}
    if place := lakehouse or os.environ.get(_LAKEHOUSE):
        found[_LAKEHOUSE] = anchor(place, Path.cwd())
    return found

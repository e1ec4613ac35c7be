"""Whether the server answers and the worker takes runs."""

from __future__ import annotations

import time

import httpx

from almanac.server.address import Address


def answers(address: Address) -> bool:
    """Whether the server is up; one that asks for a password is."""
    try:
        found = httpx.get(f"{address.api}/health", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return found.status_code < httpx.codes.INTERNAL_SERVER_ERROR


def takes_runs(pool: str, worker: str, since: float) -> bool:
    """Whether a worker of that name gave a sign of life after `since`, in `time.monotonic`."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        workers = client.read_workers_for_work_pool(pool)
    began = time.time() - (time.monotonic() - since)
    return any(
        found.name == worker
        and found.last_heartbeat_time is not None
        and found.last_heartbeat_time.timestamp() > began
        for found in workers
    )

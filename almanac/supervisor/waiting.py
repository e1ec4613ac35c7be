"""Whether a server answers and the worker takes runs, and how long to wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx


def wait_for(done: Callable[[], bool], seconds: float, pause: Callable[[], None]) -> bool:
    """Ask until it is done; whether it was in time. `pause` comes between and may raise."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        pause()
    return True


def answers(api: str, elsewhere: bool = False) -> bool:
    """Whether a server is up; one that asks for a password is. One `elsewhere`, through a proxy."""
    try:
        found = httpx.get(f"{api}/health", timeout=5, trust_env=elsewhere)
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

"""The frame of everything that changes what stands: a lease, a name, a row in `runs`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.lease import Lease
from schemas.errors import AlmanacError
from schemas.hashing import sha256_parts
from schemas.settings import Settings


class Operation:
    """One run that is no nightly run. `report` is what it will leave in `runs`."""

    def __init__(self, settings: Settings, purpose: str, run_id: str | None) -> None:
        self.settings = settings
        self.at = datetime.now(UTC)
        named = sha256_parts(purpose, str(os.getpid()), str(time.time()))[:16]
        self.run_id = run_id or named
        self.lake: Lakehouse = open_lakehouse(
            settings.lakehouse, settings.storage_options, settings.durability
        )
        self.releases = self.lake.releases(settings.index.name)
        self.report: dict[str, Any] = {}
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return round(time.perf_counter() - self._began, 3)


@contextmanager
def operation(
    settings: Settings, purpose: str, run_id: str | None = None
) -> Iterator[tuple[Operation, Lease]]:
    """Be the one writer for the length of the block, and store what came of it."""
    run = Operation(settings, purpose, run_id)
    lease = run.lake.lease(
        run.run_id, purpose, settings.lease.ttl_seconds, settings.lease.wait_seconds
    )
    with lease as held, recorded(run, purpose):
        yield run, held


@contextmanager
def recorded(run: Operation, purpose: str) -> Iterator[None]:
    """Store what came of the block; that needs no lease."""
    try:
        yield
    except AlmanacError as error:
        _record(run, purpose, "failed", {"message": str(error)})
        raise
    _record(run, purpose, "done", run.report)


def _record(run: Operation, purpose: str, status: str, report: dict[str, Any]) -> None:
    said = {"purpose": purpose} | report
    run.lake.runs.append(run.run_id, run.at, run.at, datetime.now(UTC), status, said)

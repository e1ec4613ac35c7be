"""What works on a lakehouse under a name and leaves a row in `runs`: a night, or maintenance."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from lakehouse import Lakehouse, memory, open_lakehouse
from lakehouse.lease import Lease
from lakehouse.releases import ReleaseLog
from schemas.errors import AlmanacError
from schemas.hashing import sha256_parts
from schemas.settings import Settings


class Operation:
    """One piece of work for one purpose. `report` is what maintenance will leave in `runs`.

    `run_id` is Prefect's where there is one; else it is made of purpose, process and time. A plain
    class on purpose: Prefect walks into dataclasses and lists that tasks are given.
    """

    def __init__(self, settings: Settings, purpose: str, run_id: str | None) -> None:
        self.settings = settings
        self.purpose = purpose
        self.started_at = datetime.now(UTC)
        memory.allow(settings.compute.memory_bytes)
        named = sha256_parts(purpose, str(os.getpid()), str(time.time()))[:16]
        self.run_id = run_id or named
        self.lake: Lakehouse = open_lakehouse(
            settings.lakehouse, settings.storage_options, settings.durability
        )
        self.releases: ReleaseLog = self.lake.releases(settings.index.name)
        self.report: dict[str, Any] = {}
        self.stages: dict[str, float] = {}  # seconds by the name of a stage
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return round(time.perf_counter() - self._began, 3)

    @property
    def elapsed(self) -> dict[str, float]:
        """Seconds by stage so far, and in all since it began."""
        return self.stages | {"total": self.seconds}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall time of the block to `stages[stage]`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - began
            self.stages[stage] = round(self.stages.get(stage, 0.0) + passed, 3)
            memory.give_back()

    def record(
        self, status: str, report: Mapping[str, Any], logical_time: datetime | None = None
    ) -> None:
        """Store the row of `runs`; that needs no lease. Maintenance is of the time it began."""
        at = logical_time or self.started_at
        ended = datetime.now(UTC)
        self.lake.runs.append(self.run_id, at, self.started_at, ended, status, report)


@contextmanager
def operation(
    settings: Settings, purpose: str, run_id: str | None = None
) -> Iterator[tuple[Operation, Lease]]:
    """Be the one writer for the length of the block, and store what came of it."""
    run = Operation(settings, purpose, run_id)
    lease = run.lake.lease(
        run.run_id, purpose, settings.lease.ttl_seconds, settings.lease.wait_seconds
    )
    with lease as held, recorded(run):
        yield run, held


@contextmanager
def recorded(run: Operation) -> Iterator[None]:
    """Store what came of the block: `run.report`, or the error that it raised."""
    try:
        yield
    except AlmanacError as error:
        run.record("failed", {"purpose": run.purpose, "message": str(error)})
        raise
    run.record("done", {"purpose": run.purpose} | run.report)

"""Bring a lakehouse to the storage format of this version."""

from __future__ import annotations

from typing import Any

from almanac.core.operation import operation
from lakehouse import open_lakehouse
from schemas.settings import Settings


def upgrade(settings: Settings, dry_run: bool = False) -> dict[str, Any]:
    """Run the steps that are due, as any writer would first; `steps` says which.

    Raises:
        FormatTooNew: a later version wrote the lakehouse.
        LeaseHeld: another writer holds it.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    report: dict[str, Any] = {"before": lake.format, "steps": lake.pending_upgrades()}
    if report["steps"] and not dry_run:
        with operation(settings, "upgrade") as (run, _):
            run.report = report | {"format": run.lake.format}
            return run.report | {"dry_run": False}
    return report | {"format": lake.format, "dry_run": dry_run}

"""Let releases go by policy, compact, and clear the files that nothing needs any more."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from prefect import flow, runtime

from schemas.settings import load_settings
from tasks.keeping import apply_retention, plan_retention


@flow(name="retention", description=__doc__, validate_parameters=True)
def retention(
    dry_run: bool = False,
    now: datetime | None = None,
    lakehouse: str | None = None,
    config: str | None = None,
) -> dict[str, Any]:
    """Do what `almanac retention plan` says.

    Args:
        dry_run: Say what would go, and change nothing.
        now: Judge as of then; the present unless given.
        lakehouse: Another lakehouse than the configured one.
        config: Another configuration file.
    """
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    if dry_run:
        return plan_retention(settings, now)
    return apply_retention(settings, now, runtime.flow_run.id)

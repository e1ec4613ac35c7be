"""Let releases go by policy, compact, and clear the files that nothing needs any more."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from schemas.settings import load_settings
from tasks.keeping import apply_retention, plan_retention


@flow(name="retention", description=__doc__, validate_parameters=True)
def retention(
    dry_run: Annotated[bool, Field(description="Say what would go, and change nothing.")] = False,
    now: Annotated[
        datetime | None, Field(description="Judge as of then; the present unless given.")
    ] = None,
    lakehouse: Annotated[
        str | None, Field(description="Another lakehouse than the configured one.")
    ] = None,
    config: Annotated[str | None, Field(description="Another configuration file.")] = None,
) -> dict[str, Any]:
    """Do what `almanac retention plan` says."""
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    if dry_run:
        return plan_retention(settings, now)
    return apply_retention(settings, now, runtime.flow_run.id)

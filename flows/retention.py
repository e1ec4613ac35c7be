"""Let releases go by policy, compact, and clear the files that nothing needs any more."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks.names import run_name
from tasks.retention import apply_retention, plan_retention


@flow(
    name="retention",
    flow_run_name=run_name("retention"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def retention(
    dry_run: Annotated[bool, forms.named("Dry run")] = True,
    now: Annotated[forms.Moment, forms.named("Judge as of")] = None,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Do what `almanac retention plan` says. The weekly run does it, without a dry run.

    Args:
        dry_run: Only say what would go. Switch it off to let it go.
        now: How old releases are is reckoned from then; the present unless given.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    settings = settings_for(config, lakehouse)
    if dry_run:
        return plan_retention(settings, now)
    return apply_retention(settings, now, runtime.flow_run.id)

"""Move an adapter one step: candidate, staging, production; or back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prefect import flow, runtime
from pydantic import Field

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import promote as stages
from tasks.names import run_name


@flow(
    name="promote",
    flow_run_name=run_name("promote", "adapter"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def promote(
    who: Annotated[str, Field(min_length=1, max_length=200), forms.named("Your name")],
    step: Annotated[Literal["approve", "reject", "rollback"], forms.named("Step")] = "approve",
    adapter: Annotated[forms.Hash, forms.named("Adapter")] = None,
    reason: Annotated[str, forms.named("Why")] = "",
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Each step is a row in the audit, with who took it and why.

    Args:
        who: It stays with the step.
        step: approve: one stage on, to staging and then to production. reject: never. rollback: the
            adapter before it is in production again.
        adapter: The begin of its id, as `almanac adapters list` shows it; a rollback needs none.
        reason: It stays with the step.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    settings = settings_for(config, lakehouse)
    return stages.move(settings, step, adapter, who, reason, runtime.flow_run.id)

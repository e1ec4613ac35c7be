"""Follow one id through the whole chain: document, release, answer, dataset, adapter."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import trace as stages
from tasks.names import run_name


@flow(
    name="trace",
    flow_run_name=run_name("trace", "id"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def trace(
    id: Annotated[str, Field(min_length=1, max_length=1_000), forms.named("What to trace")],
    limit: Annotated[int, Field(ge=1, le=1_000), forms.named("Rows of each part")] = 50,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Show what came before and after something, with links to the runs that made it.

    Args:
        id: A document (travel.md), a chunk, a request, a run; a release (12 or r12); an example, a
            dataset or an adapter by the begin of its hash. Where it may be several things, write
            the kind before it, as in release:12.
        limit: How many rows of each part of the chain are shown, newest first.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    return stages.follow(settings_for(config, lakehouse), id, limit)

"""Take back the newest release: readers get the one before it, and later nights go on."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks.names import run_name
from tasks.withdraw import withdraw_release

_Release = Field(ge=1, json_schema_extra={"title": "Release number"})
_Why = Field(min_length=1, json_schema_extra={"title": "Why"})


@flow(
    name="withdraw",
    flow_run_name=run_name("withdraw", "release"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def withdraw(
    release: Annotated[int, _Release],
    reason: Annotated[str, _Why],
    hold: Annotated[bool, forms.named("Hold back the nights after it")] = False,
    dry_run: Annotated[bool, forms.named("Dry run")] = True,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Add a release that takes back the newest one. History is added to, never rewritten.

    Its number is never given again and still opens it; its logical time no longer counts, so that
    nights as of any time after the release before it may run.

    Args:
        release: The number of the newest release.
        reason: Is kept with the history.
        hold: Nightly runs publish nothing until one is told to lift the hold.
        dry_run: Only say what it would do. Switch it off to do it.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    return withdraw_release(
        settings_for(config, lakehouse),
        release,
        reason,
        hold=hold,
        dry_run=dry_run,
        run_id=runtime.flow_run.id,
    )

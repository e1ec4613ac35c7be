"""Prove releases: take every seal anew, and fail where one byte differs."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import verify as stages
from tasks.names import run_name


@flow(
    name="verify",
    flow_run_name=run_name("verify"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def verify(
    as_of: Annotated[forms.MaybeAsOf, forms.named("Which release")] = None,
    every: Annotated[bool, forms.named("Every release")] = False,
    quick: Annotated[bool, forms.named("Quick")] = False,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Hold releases against the seals they were published with; nothing is changed.

    Args:
        as_of: The newest release up to the end of this day (UTC) or this time; or one by number.
            What answers now unless given.
        every: All of them, instead of one.
        quick: Names, seals, sizes and probes alone; else every byte is read.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    stages.refuse_both(as_of, every)
    settings = settings_for(config, lakehouse)
    result = stages.prove(settings, as_of, every, quick, runtime.flow_run.id)
    return stages.sound(result)

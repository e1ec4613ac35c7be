"""Compare the index with what Delta says it must hold, and mend the difference if told to."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks import doctor as stages
from tasks.names import run_name
from tasks.verify import sound


@flow(
    name="doctor",
    flow_run_name=run_name("doctor"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def doctor(
    heal: Annotated[bool, forms.named("Mend what is found")] = False,
    quick: Annotated[bool, forms.named("Quick")] = False,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Look over tables, files and rows. The run fails where something stays wrong.

    Args:
        heal: Build from Delta again what is damaged, and clear what belongs to no release. Look
            once without it, and read the report.
        quick: Sizes of files instead of their hashes.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    settings = settings_for(config, lakehouse)
    result = stages.examine(settings, heal, quick, runtime.flow_run.id)
    return sound(result)

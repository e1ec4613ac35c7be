"""Start a crashed run again, once, with the same parameters and for the same time."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow

from schemas import forms
from tasks import artifacts
from tasks import rescue as stages
from tasks.names import run_name


@flow(
    name="rescue",
    flow_run_name=run_name("rescue"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def rescue(run_id: Annotated[stages.RunId, forms.named("The crashed run")]) -> dict[str, Any]:
    """An automation runs this for each run of Almanac that crashed; twice is the same as once.

    Left as they are: runs that a person cancelled, that were started again before, that are
    themselves the second attempt, or that must not be done twice (tag `once`).

    Args:
        run_id: The id of the crashed run, as the address of its page has it.
    """
    crashed = stages.look_up(run_id)
    if objection := stages.objection(crashed):
        return stages.leave(crashed, objection)
    return stages.start_again(crashed)

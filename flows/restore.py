"""Go back to a release: point readers at it, build it anew elsewhere, or open it again."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime

from schemas import forms
from schemas.settings import settings_for
from tasks import artifacts
from tasks.names import run_name
from tasks.restore import RestoreMode, restore_release


@flow(
    name="restore",
    flow_run_name=run_name("restore"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def restore(
    as_of: Annotated[forms.AsOf, forms.named("Go back to")],
    mode: Annotated[RestoreMode, forms.named("How")] = "publish",
    reason: Annotated[str, forms.named("Why")] = "",
    to: Annotated[forms.Place, forms.named("Where a copy goes")] = None,
    hold: Annotated[bool, forms.named("Hold back the nights after it")] = False,
    at: Annotated[forms.Moment, forms.named("Logical time of the new release")] = None,
    dry_run: Annotated[bool, forms.named("Dry run")] = True,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Restore the release of a date. History is added to, never rewritten.

    Args:
        as_of: The newest release up to the end of this day (UTC) or this time; or one by number.
        mode: publish: readers get it again. copy: a lakehouse of its own elsewhere. reopen: a cold
            release is built again where it was.
        reason: Is kept with the release.
        to: An empty folder or object-store URI; for mode copy, and for no other.
        hold: Nightly runs publish nothing until one is told to lift the hold.
        at: For mode publish; the present unless given. Later nights must not be earlier.
        dry_run: Only say what it would do. Switch it off to do it.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    return restore_release(
        settings_for(config, lakehouse),
        as_of,
        mode,
        to=to,
        reason=reason,
        hold=hold,
        at=at,
        dry_run=dry_run,
        run_id=runtime.flow_run.id,
    )

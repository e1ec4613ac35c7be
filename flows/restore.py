"""Go back to a release: point readers at it, build it anew elsewhere, or open it again."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, runtime
from pydantic import Field

from schemas.settings import load_settings
from schemas.times import parse_as_of
from tasks.keeping import RestoreMode, restore_release


@flow(name="restore", description=__doc__, validate_parameters=True)
def restore(
    as_of: Annotated[
        str, Field(description="A date (2026-03-03: its end, UTC), a timestamp, or a release (12).")
    ],
    mode: Annotated[
        RestoreMode,
        Field(
            description="publish: readers get it again. copy: a lakehouse of its own at `to`. "
            "reopen: a cold release is built again where it was."
        ),
    ] = "publish",
    reason: Annotated[str, Field(description="Is kept with the release.")] = "",
    to: Annotated[
        str | None, Field(description="Where a copy goes: an empty folder or object-store URI.")
    ] = None,
    hold: Annotated[
        bool, Field(description="Nightly runs wait until one is told to lift the hold.")
    ] = False,
    dry_run: Annotated[bool, Field(description="Say what it would do, and change nothing.")] = True,
    lakehouse: Annotated[
        str | None, Field(description="Another lakehouse than the configured one.")
    ] = None,
    config: Annotated[str | None, Field(description="Another configuration file.")] = None,
) -> dict[str, Any]:
    """Restore the release of a date. History is added to, never rewritten."""
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    return restore_release(
        settings, parse_as_of(as_of), mode, to=to, reason=reason, hold=hold, dry_run=dry_run,
        run_id=runtime.flow_run.id,
    )  # fmt: skip

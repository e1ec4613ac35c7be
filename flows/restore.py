"""Go back to a release: point readers at it, build it anew elsewhere, or open it again."""

from __future__ import annotations

from typing import Any

from prefect import flow, runtime

from schemas.settings import load_settings
from schemas.times import parse_as_of
from tasks.keeping import RestoreMode, restore_release


@flow(name="restore", description=__doc__, validate_parameters=True)
def restore(
    as_of: str,
    mode: RestoreMode = "publish",
    reason: str = "",
    to: str | None = None,
    hold: bool = False,
    dry_run: bool = True,
    lakehouse: str | None = None,
    config: str | None = None,
) -> dict[str, Any]:
    """Restore the release of a date. History is added to, never rewritten.

    Args:
        as_of: A date (2026-03-03: its end, UTC), a timestamp, or the number of a release (12).
        mode: publish: readers get it again. copy: a lakehouse of its own at `to`. reopen: a cold
            release is built again where it was.
        reason: Is kept with the release.
        to: Where a copy goes: an empty folder or object-store URI.
        hold: Nightly runs wait until one is told to lift the hold.
        dry_run: Say what it would do, and change nothing.
        lakehouse: Another lakehouse than the configured one.
        config: Another configuration file.
    """
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    return restore_release(
        settings, parse_as_of(as_of), mode, to=to, reason=reason, hold=hold, dry_run=dry_run,
        run_id=runtime.flow_run.id,
    )  # fmt: skip

"""Who holds the lease of a lakehouse, and taking it from a holder that is dead."""

from __future__ import annotations

from typing import Any

from almanac.core.operation import Operation, recorded
from schemas.errors import ConfigError
from schemas.settings import Settings


def show(settings: Settings) -> dict[str, Any]:
    """The holder's purpose, run, host, process and times; `held` and `why`."""
    run = Operation(settings, "lease show", None)
    return run.lake.lease_state()


def break_(settings: Settings, reason: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Take the lease from its holder, and record who had it and why it was taken.

    Raises:
        ConfigError: there is no reason.
        LeaseHeld: the holder renewed it at the same moment.
    """
    if not reason.strip():
        raise ConfigError("say why it is broken: --reason TEXT is kept in the table of runs")
    run = Operation(settings, "lease break", None)
    holder = run.lake.lease_state()
    if "holder" not in holder:
        return holder | {"nothing_to_do": "nobody holds the lease", "dry_run": dry_run}
    if dry_run:
        return holder | {"dry_run": True}
    with recorded(run):
        run.lake.break_lease()
        run.report = {"reason": reason, "holder": holder}
    return holder | {"broken": True, "reason": reason, "dry_run": False}

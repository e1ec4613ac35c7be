"""Move an adapter one step: candidate, staging, production; or back."""

from __future__ import annotations

from typing import Any, Literal

from prefect import flow, runtime

from schemas.settings import load_settings
from tasks import learning


@flow(name="promote", description=__doc__, validate_parameters=True)
def promote(
    who: str,
    step: Literal["approve", "reject", "rollback"] = "approve",
    adapter: str | None = None,
    reason: str = "",
    lakehouse: str | None = None,
    config: str | None = None,
) -> dict[str, Any]:
    """Each step is a row in the audit, with who took it and why.

    Args:
        who: Your name; it stays with the step.
        step: approve moves one stage on, reject ends it, rollback brings the last one back.
        adapter: The begin of its id; not needed for a rollback.
        reason: It stays with the step.
        lakehouse: Another lakehouse than the configured one.
        config: Another configuration file.
    """
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    return learning.move(settings, step, adapter, who, reason, runtime.flow_run.id)

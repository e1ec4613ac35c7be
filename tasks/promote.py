"""Moving an adapter one step as a Prefect task."""

from __future__ import annotations

from typing import Any, Literal

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from almanac.adapters import promotion
from schemas.errors import ConfigError
from schemas.settings import Settings


@task(name="move-adapter", cache_policy=NO_CACHE)
def move(
    settings: Settings,
    step: Literal["approve", "reject", "rollback"],
    adapter_id: str | None,
    actor: str,
    reason: str,
    run_id: str | None,
) -> dict[str, Any]:
    """See `almanac.adapters.promotion`; raises ConfigError where the adapter is not named."""
    if step != "rollback" and not adapter_id:
        raise ConfigError(
            f"to {step}, name the adapter: the begin of its id, as `almanac adapters list` shows it"
        )
    if step == "rollback":
        return log_move(promotion.rollback(settings, actor, reason, run_id=run_id))
    taken = promotion.approve if step == "approve" else promotion.reject
    return log_move(taken(settings, adapter_id or "", actor, reason, run_id=run_id))


def log_move(moved: dict[str, Any]) -> dict[str, Any]:
    """Log which stage an adapter left and which it reached; returns `moved` itself."""
    get_run_logger().info(f"Adapter {moved['adapter'][:12]}: {moved['was']} -> {moved['stage']}")
    return moved

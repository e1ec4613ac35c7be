"""Events that automations listen to; `almanac.server.automations` makes those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.events import emit_event

from schemas.settings import Settings

QUARANTINE_HIGH = "almanac.quarantine.high"


def raise_quarantine(settings: Settings, result: Mapping[str, Any]) -> None:
    """Raise an event where a nightly run rejected more than `alarms.max_quarantine_share`."""
    counts = result["documents"]
    seen = sum(count for name, count in counts.items() if name != "deleted")
    rejected = counts.get("quarantined", 0)
    if not seen or rejected / seen <= settings.alarms.max_quarantine_share:
        return
    emit_event(
        event=QUARANTINE_HIGH,
        resource={"prefect.resource.id": f"almanac.index.{settings.index.name}"},
        payload={"rejected": rejected, "documents": seen, "run": result["run"]},
    )

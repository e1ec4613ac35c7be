"""Events that automations listen to; `almanac.supervisor.automations` makes those."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefect import runtime
from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from schemas.settings import Settings

TAG = "almanac"  # of all deployments of Almanac, and so of their runs
QUARANTINE_HIGH = "almanac.quarantine.high"
RESTS = "almanac.run.rests"
_SETTLE_SECONDS = 2.0


def raise_quarantine(settings: Settings, result: Mapping[str, Any]) -> None:
    """Raise an event where a nightly run rejected more than `alarms.max_quarantine_share`.

    Only where the run itself put rows into quarantine: what has stood there since an earlier night
    was told then, and a run that read nothing says nothing.

    Args:
        settings: Of the run.
        result: Its report, `almanac.ingest.report.report`.
    """
    counts, new = result["documents"], result["quarantine"]["new"]
    seen = sum(count for name, count in counts.items() if name != "deleted")
    rejected = counts.get("quarantined", 0)
    if not new or not seen or rejected / seen <= settings.alarms.max_quarantine_share:
        return
    emit_event(
        event=QUARANTINE_HIGH,
        resource={"prefect.resource.id": f"almanac.index.{settings.index.name}"},
        payload={"rejected": rejected, "documents": seen, "new": new, "run": result["run"]},
    )


@contextmanager
def resting() -> Iterator[None]:
    """Around what suspends the flow run, so that its silence is not taken for its death.

    Prefect's own event of the suspension is the server's, and often overtakes the run's last sign
    of life, which then starts the clock again. This event goes the same way as that sign, after it,
    and with some seconds between, because the server works on several events at once.
    """
    try:
        yield
    finally:
        run = {"prefect.resource.id": f"prefect.flow-run.{runtime.flow_run.id}"}
        for _ in range(2):
            EventsWorker.instance().wait_until_empty()
            time.sleep(_SETTLE_SECONDS)
            emit_event(event=RESTS, resource=run)

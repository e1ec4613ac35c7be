"""What started a flow run: a person, a schedule, or an automation after another run."""

from __future__ import annotations

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.sorting import FlowRunSort

AUTOMATION = "tune-when-due"  # in prefect.yaml: starts a tune where feedback found enough


def started_by(run_id: str | None) -> dict[str, str]:
    """`by`: in words. `after`: name and id of the feedback run, where an automation did."""
    if run_id is None:
        return {"by": "a call without Prefect"}
    with get_client(sync_client=True) as client:
        created = client.read_flow_run(UUID(run_id)).created_by
        if created is None or created.type != "AUTOMATION":
            kind = (created.type if created else None) or "a person"
            name = (created.display_value if created else None) or ""
            return {"by": f"{kind.lower()} {name}".strip()}
        runs = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=["feedback"])),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
    found = {"by": f"the automation {created.display_value or AUTOMATION}"}
    return found | ({"after": f"{runs[0].name} ({runs[0].id})"} if runs else {})

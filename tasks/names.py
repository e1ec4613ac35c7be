"""What runs are called, and what their last state says: flow, date or release, what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, cast

from prefect import runtime
from prefect.states import Completed

from almanac.ingest.report import outcome_line
from schemas.times import minute


def run_name(flow: str, about: str = "as_of") -> Callable[[], str]:
    """A flow's `flow_run_name`: "nightly 2026-11-30 02:00 UTC", "restore of release 12, dry run".

    `about` is the parameter that says what the run is about; without it, the time it was due.
    """

    def name() -> str:
        given = runtime.flow_run.parameters
        said = f"{flow}{_of(given.get(about))}"
        return f"{said}, dry run" if given.get("dry_run") is True else said

    return name


def _of(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f" of release {value}"
    if isinstance(value, datetime):
        return f" {minute(value)}"
    if isinstance(value, date):
        return f" {value.isoformat()}"
    if isinstance(value, str) and value.strip():
        return f" {value.strip()[:40]}"
    due = runtime.flow_run.scheduled_start_time
    return f" {minute(due if due else datetime.now(UTC))}"


def ended(result: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a nightly run with what came of it; its caller gets `result` itself."""
    # A flow may return a state, whose message the UI shows; its caller gets the data.
    return cast(dict[str, Any], Completed(message=outcome_line(result), data=dict(result)))

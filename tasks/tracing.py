"""Following an id as a Prefect task, with its page in the UI."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from schemas.settings import Settings
from tasks import showing
from tasks.markdown import command, quoted
from tasks.trace.follow import trace
from tasks.trace.page import trace_command, trace_page, trace_rows


@task(name="trace", cache_policy=NO_CACHE)
def follow(settings: Settings, name: str, limit: int) -> dict[str, Any]:
    """See `tasks.trace.follow`."""
    result = trace(settings, name, limit)
    showing.page("trace", trace_page(result, showing.run_link), f"Trace of {quoted(name)}")
    rows = list(trace_rows(result, showing.run_url))
    totals = {section: found["total"] for section, found in result["chain"].items()}
    every = command(f"{trace_command(result)} --json")
    showing.table("trace-chain", rows, "Each link of the chain", every, sum(totals.values()))
    figures = ", ".join(f"{total} {section}" for section, total in totals.items())
    get_run_logger().info("%s %s: %s", result["kind"], result["id"], figures)
    return result

"""Following an id as a Prefect task, with its page in the UI."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from almanac.core.markdown import command, quoted
from almanac.lineage.follow import trace
from almanac.lineage.page import trace_command, trace_page, trace_rows
from schemas.settings import Settings
from tasks import artifacts


@task(name="trace", cache_policy=NO_CACHE)
def follow(settings: Settings, name: str, limit: int) -> dict[str, Any]:
    """See `almanac.lineage.follow`."""
    result = trace(settings, name, limit)
    artifacts.page("trace", trace_page(result, artifacts.run_link), f"Trace of {quoted(name)}")
    rows = list(trace_rows(result, artifacts.run_url))
    totals = {section: found["total"] for section, found in result["chain"].items()}
    every = command(f"{trace_command(result)} --json")
    artifacts.table("trace-chain", rows, "Each link of the chain", every, sum(totals.values()))
    figures = ", ".join(f"{total} {section}" for section, total in totals.items())
    get_run_logger().info("%s %s: %s", result["kind"], result["id"], figures)
    return result

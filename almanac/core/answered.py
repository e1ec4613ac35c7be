"""What a logged request says of its answer beside the text: which models, why, what it cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def how_answered(
    route: Mapping[str, Any] | str | None, cost_micros: int | None, cached: str | None
) -> dict[str, str]:
    """In a few words: `served_by`, `why`, `calls`, `cost_usd`, `cached`; without what is not known.

    Args:
        route: the request's, as JSON values or as the text that is stored.
        cost_micros: millionths of a dollar; None where a price is not known.
        cached: the request whose answer was given again.
    """
    told: Mapping[str, Any] = json.loads(route) if isinstance(route, str) else route or {}
    calls = told.get("calls")
    words = [f"{one['name']} {one['purpose']}: {one['outcome']}" for one in calls or ()]
    found = {"calls": "; ".join(words)}
    if calls or (told and calls is None):  # None: of a server before it logged its calls
        found |= {"served_by": told.get("chosen") or "", "why": told.get("why") or ""}
    if cost_micros is not None:
        found["cost_usd"] = f"{cost_micros / 1_000_000:.6f}"
    if cached:
        found["cached"] = f"the answer of request {cached}"
    return {name: said for name, said in found.items() if said}

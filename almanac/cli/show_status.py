"""What `almanac status` prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.cli.show import cut, dollars, safe, table
from almanac.overview.steps import size
from schemas.times import minute
from schemas.words import count

Report = Mapping[str, Any]


def status(result: Report) -> str:
    """What answers, the nights, the figures, and what to do next."""
    parts = [[_release(result), *_figures(result)], _nights(result), _next(result)]
    return "\n\n".join("\n".join(lines) for lines in parts)


def _release(result: Report) -> str:
    release = result["release"]
    if release is None:
        return f"{safe(result['lakehouse'])}: no release answers."
    return (
        f"{safe(result['lakehouse'])}: release {release['release']} answers, "
        f"as of {minute(release['as_of'])} ({_age(release['age_hours'])} old); "
        f"{count(release['documents'], 'document')}, {count(release['rows'], 'passage')}, "
        f"model {safe(release['model'])}."
    )


def _age(hours: float) -> str:
    return f"{hours:.0f} hours" if hours < 72 else f"{hours / 24:.0f} days"


def _figures(result: Report) -> list[str]:
    quarantine, dislikes, lease = result["quarantine"], result["dislikes"], result["lease"]
    adapters = result["adapters"]["stages"].items()
    stages = ", ".join(f"{number} {stage}" for stage, number in adapters)
    disk = result["disk"]
    free = "" if disk["free_bytes"] is None else f", {size(disk['free_bytes'])} free on its disk"
    return [
        f"  quarantine  {quarantine['kept_out']} kept out, {quarantine['noted']} with a note, "
        f"{quarantine['feedback']} of feedback",
        f"  answers     {count(dislikes['requests'], 'request')}, {dislikes['disliked']} disliked, "
        f"{dislikes['not_looked_into']} of them not looked into; "
        f"{result['journal']['rows']} rows in the journal",
        f"  adapters    {stages or 'none'}",
        f"  cost        {_costs(result['costs'])}",
        f"  writer      {lease['purpose'] if lease['held'] else 'nobody'}",
        f"  size        {size(disk['bytes'])}{free}",
    ]


def _costs(costs: Report) -> str:
    spent = f"{dollars(costs['usd_today'])} today, {dollars(costs['usd_month'])} this month"
    fullest = costs["budgets"][:1]
    return spent + "".join(f"; budget {one['budget']} {one['share']:.0%}" for one in fullest)


def _nights(result: Report) -> list[str]:
    rows = [
        (
            minute(row["as_of"]),
            row["status"],
            str(row["release"] or ""),
            cut(row["message"], 80),
        )
        for row in result["nights"]
    ]
    return [table(("night", "status", "release", ""), rows)] if rows else ["No night yet."]


def _next(result: Report) -> list[str]:
    if not result["steps"]:
        return ["Nothing waits for anybody."]
    width = max(len(row["level"]) for row in result["steps"])
    return [
        f"{row['level']:<{width}}  {cut(safe(row['is']), 160)}: {row['next']}"
        for row in result["steps"]
    ]

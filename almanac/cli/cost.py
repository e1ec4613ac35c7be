"""`almanac cost`: what models cost."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from almanac.cli.options import MOMENT, SINCE, Report, reports, settings
from almanac.cli.show import dollars, safe, table
from schemas.words import count

_BY = ("model", "user", "assistant", "route", "purpose", "day")


def _show(result: Report) -> str:
    total = result["total"]
    if not total["calls"]:
        return "Nothing was spent: no model was asked in that time."
    rows = [_row(row["key"], row) for row in [*result["rows"], {"key": "total", **total}]]
    head = (result["by"], "requests", "calls", "read", "of it cached", "written", "US dollars")
    lines = [table(head, rows)]
    if total["estimated"]:
        calls = count(total["estimated"], "call")
        lines.append(f"{calls}: the endpoint did not say how many tokens; Almanac counted them.")
    if total["unpriced"]:
        calls = count(total["unpriced"], "call")
        names = safe(", ".join(result["unpriced"]))
        lines.append(
            f"{calls} of no known price, not in the sum: {names}. Write [prices.NAME] with model, "
            "input and output."
        )
    return "\n".join(lines)


def _row(key: str, row: Report) -> tuple[str, ...]:
    names = ("requests", "calls", "prompt_tokens", "cached_tokens", "completion_tokens")
    return (safe(key), *(f"{row[name]:,}" for name in names), dollars(row["usd"]))


@click.command()
@click.option(
    "--by", default="model", show_default=True, type=click.Choice(_BY), help="What it is summed by."
)
@click.option("--since", type=SINCE, metavar="WHEN", help="From then on; a date is its start.")
@click.option("--until", type=MOMENT, metavar="WHEN", help="Before then; a date is its end.")
@reports(_show, lambda result: not result["total"]["unpriced"])
def cost(by: Any, since: datetime | None, until: datetime | None) -> Report:
    """What models cost, to the last digit; exit code 1 if a price is not known.

    Of all answers, cut and failed ones and fallbacks among them, rewritten questions, and calls of
    judges, gates and rollouts. Prices are those of the day: [prices.NAME] in almanac.toml.
    """
    from almanac.costs.ledger import cost as look

    return look(settings(), by, since, until)


VERBS = (cost,)

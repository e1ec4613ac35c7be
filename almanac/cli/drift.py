"""The verb that looks for drift."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from almanac.cli.options import MOMENT, Report, reports, settings
from almanac.cli.show_drift import drift as show_drift


@click.command()
@click.option("--as-of", "when", type=MOMENT, metavar="WHEN", help="Judge as of then; now.")
@reports(show_drift)
def drift(when: datetime | None) -> Report:
    """Have documents, questions or answers moved? Looks, and starts nothing.

    The flow `watch` does this every day, and starts what mends it.
    """
    from almanac.drift.look import look

    seen = look(settings(), when or datetime.now(UTC))
    farthest = [row for one in seen.seen for row in one.drawn.get("farthest", ())]
    return seen.to_json() | {"farthest": farthest}


VERBS = (drift,)

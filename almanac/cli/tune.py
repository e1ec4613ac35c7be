"""The verb that trains an adapter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from almanac.cli.options import MOMENT, SINCE, Report, given_options, reports, settings
from almanac.cli.show_tune import tuned


@click.command()
@click.option(
    "--method",
    type=click.Choice(["sft", "dpo", "kto"]),
    default="sft",
    show_default=True,
    help="Corrections, preference pairs, or bare votes.",
)
@click.option("--from", "from_date", type=SINCE, metavar="DAY", help="Asked from then on.")
@click.option("--to", "to_date", type=MOMENT, metavar="DAY", help="Asked up to then.")
@click.option("--dataset", metavar="HASH", help="Train on this one instead of building one.")
@click.option("--base", metavar="MODEL", help="Another base: a hub id or a folder.")
@click.option(
    "--recipe",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="A YAML file instead of the method's own recipe.",
)
@click.option("--max-steps", type=click.IntRange(1), help="Stop after so many steps.")
@click.option("--only-if-due", is_flag=True, help="Only with enough new model faults.")
@reports(tuned)
def tune(from_date: datetime | None, to_date: datetime | None, **parameters: Any) -> Report:
    """Build a dataset, train a LoRA adapter on it, and offer it if it beats the base.

    Given again with the same feedback, it goes on where a killed one stopped.
    """
    from almanac.cli.engine import run_flow

    settings(writes=True)  # a wrong configuration fails before Prefect starts
    days = {"from_date": from_date and from_date.date(), "to_date": to_date and to_date.date()}
    return run_flow("tune", **given_options(), **days, **parameters)


VERBS = (tune,)

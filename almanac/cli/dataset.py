"""Verbs over training sets: build, list, show, export, compare."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from almanac.cli import show_dataset
from almanac.cli.options import MOMENT, SINCE, Report, reports, settings


@click.group()
def dataset() -> None:
    """What may be trained on, by the rules in [dataset]; immutable, named by its content."""


@dataset.command()
@click.option("--from", "start", type=SINCE, metavar="WHEN", help="Requests asked from then on.")
@click.option(
    "--to", "end", type=MOMENT, metavar="WHEN", help="Up to then; a date is its end, UTC."
)
@reports(show_dataset.built)
def build(start: datetime | None, end: datetime | None) -> Report:
    """Make a dataset of the model's own faults, and of likes; the same feedback, the same hash."""
    from almanac.dataset import build as stage
    from almanac.training.tokens import base_facts

    given = settings(writes=True)
    return stage.build(given, start, end, base=base_facts(given.tuning))


@dataset.command("list")
@reports(show_dataset.listing)
def list_() -> Report:
    """Every dataset, newest first."""
    from almanac.dataset import catalog

    return catalog.listing(settings())


@dataset.command()
@click.argument("name", metavar="[HASH]", required=False)
@reports(show_dataset.shown)
def show(name: str | None) -> Report:
    """The card of a dataset: what is in it, what is not, and why; the newest unless named."""
    from almanac.dataset import catalog

    return catalog.show(settings(), name)


@dataset.command()
@click.argument("name", metavar="[HASH]", required=False)
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Is made if need be.",
)
@reports(show_dataset.exported)
def export(name: str | None, folder: Path) -> Report:
    """Write a dataset for trl: SFT, DPO and KTO views of one table, as Parquet."""
    from almanac.dataset import catalog

    return catalog.write_out(settings(), name, folder)


@dataset.command()
@click.argument("before", metavar="HASH")
@click.argument("after", metavar="HASH")
@reports(show_dataset.difference)
def diff(before: str, after: str) -> Report:
    """What came and went from one dataset to another."""
    from almanac.dataset import catalog

    return catalog.difference(settings(), before, after)


VERBS = (dataset,)

"""The verb that follows one id through the whole chain."""

from __future__ import annotations

import click

from almanac.cli import show_trace
from almanac.cli.options import Report, reports, settings


@click.command()
@click.argument("name", metavar="ID")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Rows of each part of the chain.",
)
@reports(show_trace.chain)
def trace(name: str, limit: int) -> Report:
    """From document version to release, answer, verdict, dataset and adapter, both ways.

    ID names a document (travel.md), a chunk, a request or a run; a release (12 or r12); an example,
    a dataset or an adapter by the begin of its hash. Where it may be several things, write its kind
    before it: release:12, document:12.
    """
    from almanac.lineage.follow import trace as follow

    return follow(settings(), name, limit)


VERBS = (trace,)

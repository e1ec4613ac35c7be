"""`almanac status`: how the lakehouse stands, and what waits for a person."""

from __future__ import annotations

import click

from almanac.cli import show_status
from almanac.cli.options import Report, reports, settings


@click.command()
@reports(show_status.status, lambda result: bool(result["ok"]))
def status() -> Report:
    """What answers, the last nights, and what waits for whom; exit code 1 if something is wrong."""
    from almanac.overview.status import status as look

    return look(settings())


VERBS = (status,)

"""The verbs about who may see what."""

from __future__ import annotations

from datetime import datetime

import click

from almanac.cli.options import MOMENT, Report, reports, settings


def _show(report: Report) -> str:
    lines = []
    for row in report["access"]:
        names = ", ".join(row["principals"]) or "nobody"
        lines.append(f"{row['source']}: {names} (by {row['origin']}, read {row['read_at']})")
    return "\n".join(lines)


@click.group()
def access() -> None:
    """Who may see a document."""


@access.command()
@click.argument("doc_id", metavar="DOC")
@click.option("--as-of", "when", type=MOMENT, metavar="WHEN", help="Who could see it then; now.")
@click.option("--source", help="Of this source alone.")
@reports(_show)
def who(doc_id: str, when: datetime | None, source: str | None) -> Report:
    """Who may see DOC, by what, and since which reading."""
    from almanac.retrieval.access import who as look_up

    return look_up(settings(), doc_id, when, source)


VERBS = (access,)

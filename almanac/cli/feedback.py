"""Verbs over requests and votes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from almanac.cli import show_feedback
from almanac.cli.options import Report, reports, settings
from schemas.settings import Settings


@click.group()
def feedback() -> None:
    """Requests as they were answered, and what users thought of the answers."""


@feedback.command("import")
@click.argument("log", required=False)
@click.argument("votes", required=False)
@click.option("--only-votes", metavar="VOTES", help="Votes alone; requests may come later.")
@click.option(
    "--columns",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Where a field has another name: a.b is b inside of a, a.0.b inside of its "
    "first element. Repeatable.",
)
@click.option(
    "--rating",
    "ratings",
    multiple=True,
    metavar="VALUE=RATING,...",
    help="What ratings of another scale mean: 0=-1,1=1 or 1..2=-1,3=0,4..5=1 (1 like, "
    "-1 dislike, 0 neither). Repeatable.",
)
@reports(show_feedback.imported)
def import_(
    log: str | None,
    votes: str | None,
    only_votes: str | None,
    columns: Sequence[str],
    ratings: Sequence[str],
) -> Report:
    """Take in LOG and VOTES: files or folders of JSON lines, Parquet, spans, or the exports of
    Langfuse, LangSmith, Phoenix, Open WebUI, trl and Label Studio.

    The configured ones unless given. What is stored already changes nothing.
    """
    from almanac.feedback.importing import import_feedback
    from almanac.tuning.due import so_far

    if only_votes and log:
        raise click.UsageError("give either LOG or --only-votes")
    found = _mapped(settings(may_be_new=True), columns, ratings)
    taken = import_feedback(found, log, only_votes or votes)
    return taken | {"tune": so_far(found)}


@feedback.command("drain")
@reports(show_feedback.drained)
def drain() -> Report:
    """Store now what applications and the server logged a moment ago.

    What reads feedback does so by itself first.
    """
    from dataclasses import asdict

    from almanac.feedback.drain import drain_all

    return asdict(drain_all(settings(writes=True)))


@feedback.command("status")
@reports(show_feedback.status)
def status() -> Report:
    """How many requests and votes there are, and what is in quarantine."""
    from almanac.feedback import facts

    return facts.status(settings(absent="No request and no vote yet"))


@feedback.command("show")
@click.argument("request_id")
@reports(show_feedback.show)
def show(request_id: str) -> Report:
    """What is stored of one request, and the votes on it."""
    from almanac.feedback import facts

    return facts.stored(settings(absent="No request and no vote yet"), request_id)


def _mapped(configured: Settings, columns: Sequence[str], ratings: Sequence[str]) -> Settings:
    """The settings with columns and ratings of the command line added."""
    from almanac.feedback.scale import parse

    pairs = [column.partition("=") for column in columns]
    if any(not (field and column) for field, _, column in pairs):
        raise click.UsageError("--columns takes FIELD=COLUMN")
    known = configured.feedback.columns | {field: column for field, _, column in pairs}
    scale = configured.feedback.ratings | parse(ratings)
    section = configured.feedback.model_copy(update={"columns": known, "ratings": scale})
    return configured.model_copy(update={"feedback": section})


VERBS = (feedback,)

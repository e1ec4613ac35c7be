"""Verbs over dislikes: look into them, list what was found, show one with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from almanac.cli import show_triage
from almanac.cli.options import MOMENT, SINCE, Report, as_json, located, reports, settings
from schemas.feedback import ACTIONS

Verb = Callable[..., Any]


def _window(verb: Verb) -> Verb:
    for option in (
        click.option("--all", "everything", is_flag=True, help="Also what nothing changed for."),
        click.option("--to", "end", type=MOMENT, metavar="WHEN", help="Requests asked up to then."),
        click.option("--from", "start", type=SINCE, metavar="WHEN", help="Asked from then on."),
    ):
        verb = option(verb)
    return verb


@click.group(invoke_without_command=True)
@_window
@located
@as_json
@click.pass_context
def triage(context: click.Context, /, **parameters: Any) -> None:
    """Find out why each disliked answer failed, on the release that it was answered from.

    Without a verb it runs, and prints the causes and the work list.
    """
    if context.invoked_subcommand is None:
        context.invoke(run, **parameters)


@triage.command()
@_window
@reports(show_triage.triaged)
def run(start: datetime | None, end: datetime | None, everything: bool) -> Report:
    """Look into every dislike that is new, or that a change since has to do with."""
    from almanac.triage.run import triage as stage

    return stage(settings(writes=True), start, end, everything=everything)


@triage.command("list")
@click.option("--cause", type=click.Choice(list(ACTIONS)), help="Those of one cause.")
@reports(show_triage.listed)
def list_(cause: str | None) -> Report:
    """Every disliked request with its cause."""
    from almanac.triage import worklist

    return worklist.listed(settings(), cause)


@triage.command()
@click.argument("request_id")
@reports(show_triage.shown)
def show(request_id: str) -> Report:
    """One request, its votes, and the verdict with all of its evidence."""
    from almanac.triage import worklist

    return worklist.shown(settings(), request_id)


VERBS = (triage,)

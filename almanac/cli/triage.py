"""Verbs over dislikes: look into them, list what was found, show one with its evidence."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from almanac.cli import show_triage
from almanac.cli.options import COUNT, MOMENT, SINCE, Report, as_json, located, reports, settings
from schemas.feedback import ACTIONS, Cause

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


@triage.command()
@click.option("--count", type=COUNT, default=50, show_default=True, help="Cases to settle.")
@click.option("--by", metavar="NAME", help="Who settles them; your user name unless given.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the cases there (JSON Lines).")
@click.option("--in", "source", type=click.Path(path_type=Path), help="Read labels from there.")
@click.option("--report", "only", is_flag=True, help="Say only how right verdicts are by labels.")
@click.option("--replay", is_flag=True, help="Look into the labelled ones again; store nothing.")
@reports(show_triage.labelled)
def label(
    count: int,
    by: str | None,
    out: Path | None,
    source: Path | None,
    only: bool,
    replay: bool,
) -> Report:
    """Settle the causes of drawn dislikes, and measure the verdicts by them.

    In the terminal each case is shown without its verdict, and answered by the number of a cause;
    Enter leaves one out, q ends. A file goes out with --out, gets a "cause" in each row, and comes
    back with --in. --replay says what the rules and settings of now would find, before you let
    them: `almanac triage --all` does.
    """
    from almanac.triage import labels

    who = by or getpass.getuser()
    if replay:
        from almanac.triage.replay_labels import replayed

        return {"replay": replayed(settings())}
    if only:
        return labels.measured(settings())
    if source:
        given = labels.read_labels(source, who)
        stored = labels.store(settings(writes=True), given)
        return {"stored": stored} | labels.measured(settings())
    cases = labels.drawn(settings(), count)
    if out:
        rows = [json.dumps(row | {"cause": ""}, ensure_ascii=False) for row in cases]
        out.write_text("".join(f"{row}\n" for row in rows), "utf-8")
        return {"drawn": len(cases), "file": str(out)} | labels.measured(settings())
    answers = [labels.label_of(name, cause, who) for name, cause in _settled(cases)]
    stored = labels.store(settings(writes=True), answers)
    return {"stored": stored} | labels.measured(settings())


def _settled(cases: Sequence[Report]) -> Iterator[tuple[str, Cause]]:
    """Ask a person about each case; what was answered stays, whenever they end."""
    causes = list(ACTIONS)
    for row in cases:
        click.echo(show_triage.case(row, causes), err=True)
        while True:
            said = click.prompt("cause", default="", show_default=False, err=True).strip()
            if (
                said in ("", "q")
                or said in causes
                or (said.isdecimal() and 1 <= int(said) <= len(causes))
            ):
                break
            click.echo(f"a number from 1 to {len(causes)}, Enter or q", err=True)
        if said == "q":
            return
        if said:
            yield row["request_id"], said if said in causes else causes[int(said) - 1]


VERBS = (triage,)

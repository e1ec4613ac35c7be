"""`almanac golden`: questions with ideal answers that the gate asks."""

from __future__ import annotations

from pathlib import Path

import click

from almanac.cli.options import COUNT, Report, reports, settings, whoami
from almanac.cli.show import cut, safe
from schemas.words import count

_file = click.argument(
    "file", metavar="FILE.jsonl", type=click.Path(dir_okay=False, path_type=Path)
)


def _drafted(report: Report) -> str:
    lines = [f"{count(len(report['drafts']), 'draft')} added to {report['file']}"]
    if left := report["not_in_the_document"]:
        lines.append(f"  {left} left out: the document does not hold the answer")
    if report["failed"]:
        lines.append(f"  {count(report['failed'], 'call')} of the model failed")
    for row in report["drafts"]:
        lines += [f"  {row['id']}  {cut(row['text'])}", f"      {cut(row['answers'][0])}"]
    return "\n".join([*lines, "Read them, correct the file, and `almanac golden approve` them."])


def _approved(report: Report) -> str:
    named = ", ".join(safe(one) for one in report["approved"]) or "none"
    return f"Approved: {named}. {count(report['drafts_left'], 'draft')} left."


@click.group()
def golden() -> None:
    """Golden questions: written from documents by a model, approved by a person."""


@golden.command()
@_file
@click.option("--count", "wanted", default=20, show_default=True, type=COUNT)
@reports(_drafted)
def draft(file: Path, wanted: int) -> Report:
    """Add drafts to FILE, each from a document of the latest release, written by [teacher]."""
    from almanac.assistants.golden_drafts import draft as run

    return run(settings(), file, wanted)


@golden.command()
@_file
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every draft in the file.")
@click.option("--actor", default=whoami, metavar="WHO", help="Who has read them.")
@reports(_approved)
def approve(file: Path, ids: tuple[str, ...], every: bool, actor: str) -> Report:
    """Make questions of drafts: by ID, or all of FILE. From then on the gate asks them."""
    from almanac.assistants.golden_drafts import approve as run

    if bool(ids) == every:
        raise click.UsageError("give either IDs or --all")
    return run(file, ids, actor, every)


VERBS = (golden,)

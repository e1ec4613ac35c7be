"""`almanac prompt`: prompts as files of a repository, stored by their content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from almanac.cli import show_assistants as show_
from almanac.cli.options import Report, reports, settings, whoami

_actor = click.option(
    "--author", default=whoami, metavar="WHO", help="The system's user unless given."
)


@click.group()
def prompt() -> None:
    """Prompts: push them from files, compare them, look at what a model would get.

    A prompt is NAME (its newest), NAME@NUMBER, or the beginning of its id.
    """


@prompt.command()
@click.argument(
    "files",
    metavar="FILE.j2...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--name", help="Instead of the file's.")
@click.option("--note", default="", help="Why; is kept with it.")
@_actor
@reports(show_.pushed)
def push(files: tuple[Path, ...], name: str | None, note: str, author: str) -> Report:
    """Store the prompts of FILES; one whose content is stored already stays what it is.

    Beside NAME.j2 a file NAME.yaml may say roles, variables, examples and a note.
    """
    from almanac.assistants import reading

    if name is not None and len(files) > 1:
        raise click.UsageError("--name names one prompt: give one FILE")
    configured = settings(may_be_new=True, writes=True)
    return reading.pushed(configured, files, author, note, name)


@prompt.command("list")
@click.argument("name", metavar="[NAME]", required=False)
@reports(show_.prompt_list)
def list_(name: str | None) -> Report:
    """Every stored prompt, and the versions that use it."""
    from almanac.assistants import reading

    return reading.prompt_list(settings(), name)


@prompt.command()
@click.argument("wanted", metavar="PROMPT")
@reports(show_.prompt_shown)
def show(wanted: str) -> Report:
    """The text of a PROMPT, with its variables and examples."""
    from almanac.assistants import reading

    return reading.prompt_shown(settings(), wanted)


@prompt.command()
@click.argument("old")
@click.argument("new")
@reports(show_.prompt_difference)
def diff(old: str, new: str) -> Report:
    """The lines that differ between two prompts."""
    from almanac.assistants import reading

    return reading.prompt_difference(settings(), old, new)


@prompt.command()
@click.argument("wanted", metavar="PROMPT|FILE.j2")
@click.option("--request", "request_id", metavar="REQUEST", help="Of a stored request.")
@click.option("--question", metavar="TEXT", help="With the passages that it finds now.")
@click.option("--assistant", "name", metavar="NAME", help="Whose search, budget and variables.")
@reports(show_.preview)
def preview(request_id: str | None, question: str | None, **chosen: Any) -> Report:
    """What a model would get: the messages of a request or a question. Nobody is asked."""
    from almanac.serving.preview import preview as run

    if (request_id is None) == (not question):
        raise click.UsageError("give either --request REQUEST or --question TEXT")
    return run(settings(), request_id=request_id, question=question, **chosen)


VERBS = (prompt,)

"""Verbs over adapters: look at them, move them, take them away, serve them."""

from __future__ import annotations

import getpass
import json
import os
from pathlib import Path
from typing import Any

import click

from almanac.cli import show_adapters
from almanac.cli.options import Report, as_json, located, one_line_errors, reports, settings


def whoever() -> str:
    """The system's name of who sits here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"


_actor = click.option(
    "--actor",
    default=whoever,
    metavar="WHO",
    help="Who takes the step; the system's user unless given.",
)
_reason = click.option("--reason", default="", help="Why; is kept in the audit.")
_id = click.argument("adapter_id", metavar="ID")


@click.group()
def adapters() -> None:
    """LoRA adapters: candidate, staging, production. The beginning of an ID is enough."""


@adapters.command("list")
@reports(show_adapters.listing)
def list_() -> Report:
    """Every adapter and where it stands."""
    from almanac.adapters.reading import listing

    return listing(settings())


@adapters.command()
@_id
@reports(show_adapters.showing)
def show(adapter_id: str) -> Report:
    """One adapter: what made it, its files, its steps."""
    from almanac.adapters.reading import showing

    return showing(settings(), adapter_id)


@adapters.command()
@click.argument("adapter_id", metavar="[ID]", required=False)
@reports(show_adapters.history)
def history(adapter_id: str | None) -> Report:
    """Every step that was ever taken, with who, why and when."""
    from almanac.adapters.reading import history as steps

    return steps(settings(), adapter_id)


@adapters.command()
@_id
@click.option(
    "--to",
    type=click.Choice(["staging", "production"]),
    help="The stage that is meant; refused unless it is the next one.",
)
@_actor
@_reason
@reports(show_adapters.moved)
def approve(**parameters: Any) -> Report:
    """One step on: candidate to staging, staging to production."""
    from almanac.adapters import promotion

    return promotion.approve(settings(), **parameters)


@adapters.command()
@_id
@_actor
@_reason
@reports(show_adapters.moved)
def reject(**parameters: Any) -> Report:
    """Say no to a candidate or to one in staging."""
    from almanac.adapters import promotion

    return promotion.reject(settings(), **parameters)


@adapters.command()
@click.option("--base", "to_base", is_flag=True, help="To the base model without any adapter.")
@_actor
@_reason
@reports(show_adapters.moved)
def rollback(**parameters: Any) -> Report:
    """Take the last promotion back: the adapter that was in production before returns."""
    from almanac.adapters import promotion

    return promotion.rollback(settings(), **parameters)


@adapters.command()
@_id
@click.option(
    "--to", "folder", required=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path)
)
@reports(show_adapters.fetched)
def fetch(adapter_id: str, folder: Path) -> Report:
    """Write an adapter's files into a folder, checked, for vLLM or peft."""
    from almanac.adapters.reading import fetching

    return fetching(settings(), adapter_id, folder)


@adapters.command()
@click.argument("adapter_id", metavar="[ID]", required=False)
@click.option(
    "--stage",
    default="production",
    show_default=True,
    type=click.Choice(["staging", "production"]),
    help="Where no ID is given.",
)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--gguf",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The base as GGUF; the packaged small model needs none.",
)
@located
@as_json
def serve(json_: bool, **parameters: Any) -> None:
    """Answer on this machine behind an OpenAI-compatible address, until Ctrl-C."""
    from almanac.adapters import serve as stage

    def ready(said: Report) -> None:
        click.echo(json.dumps(said) if json_ else show_adapters.serving(said))

    with one_line_errors():
        stage.serve(settings(), on_ready=ready, **parameters)


VERBS = (adapters,)

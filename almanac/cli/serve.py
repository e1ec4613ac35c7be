"""`almanac serve`: answers over HTTP, and a page to ask in."""

from __future__ import annotations

import json
import subprocess
import sys

import click

from almanac.cli.options import (
    Report,
    as_json,
    given_options,
    located,
    log_to_stderr,
    one_line_errors,
    settings,
)
from schemas.errors import AlmanacError
from schemas.settings import Settings
from schemas.times import minute


@click.command()
@click.option("--host", help="Listen there instead of serving.host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of serving.port; 0: any free.")
@located
@as_json
def serve(host: str | None, port: int | None, json_: bool) -> None:
    """Answer questions from the latest release over HTTP, until Ctrl-C.

    Prints the address of the page to ask in. The same address takes OpenAI's clients
    (/v1/chat/completions); /docs lists all else. Without any release yet, a nightly run comes
    first. Every answer is logged, and every like and dislike goes to `almanac triage`.
    """
    from almanac.serving.server import serve as run

    log_to_stderr()
    with one_line_errors():
        configured = settings(may_be_new=True, writes=True)
        given = {"host": host, "port": port}
        changed = {name: value for name, value in given.items() if value is not None}
        serving = configured.serving.model_copy(update=changed)
        configured = configured.model_copy(update={"serving": serving})
        _first_night(configured)
        run(configured, lambda ready: click.echo(json.dumps(ready) if json_ else _show(ready)))


def _first_night(configured: Settings) -> None:
    """Index the sources where nothing was released yet, in a process of its own."""
    from almanac.serving.server import has_release

    if has_release(configured):
        return
    click.echo("No release yet: a nightly run comes first.", err=True)
    given = given_options()
    options = [part for name, value in given.items() if value for part in (f"--{name}", value)]
    command = [sys.executable, "-m", "almanac", *options, "nightly"]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        raise AlmanacError("the first nightly run did not publish: see the lines above")


def _show(ready: Report) -> str:
    names = ", ".join(f"{name} ({model})" for name, model in ready["assistants"].items())
    lines = [
        f"Almanac answers: {ready['address']}",
        f"  release {ready['release']} as of {minute(ready['as_of'])}",
        f"  {names}",
        f"  for OpenAI's clients: {ready['address']}/v1; how all stands: {ready['address']}/status",
    ]
    if ready["public"]:
        lines.append("  no keys: everyone who reaches this address may ask, and see every document")
    return "\n".join([*lines, "Ctrl-C ends it."])


VERBS = (serve,)

"""`almanac assistant`: versions of assistants, their stages, their gate."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from almanac.cli import show_assistants as show_
from almanac.cli.options import (
    Report,
    as_json,
    located,
    log_to_stderr,
    one_line_errors,
    reports,
    settings,
    whoami,
)
from almanac.cli.terminal import json_line, shown
from schemas.errors import ConfigError

_STAGES = ("dev", "staging", "production", "archived", "rejected")
_actor = click.option(
    "--actor", default=whoami, metavar="WHO", help="The system's user unless given."
)
_reason = click.option("--reason", default="", help="Why; is kept in the audit.")
_version = click.argument("wanted", metavar="VERSION")


@click.group()
def assistant() -> None:
    """Versions of assistants: all that answers, made, judged, and put in production together.

    A version is the beginning of its id, NAME (what answers now), NAME@STAGE or NAME@configured.
    """


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # a text may stand without quotes


@assistant.command()
@click.argument("base", metavar="VERSION")
@click.option("--prompt", metavar="PROMPT", help="Another prompt: NAME, NAME@NUMBER or an id.")
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another value, such as retrieval.k=8; repeatable.",
)
@click.option(
    "--spec",
    metavar="FILE.json",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Values of many keys.",
)
@click.option("--as", "name", metavar="NAME", help="A version of this assistant instead.")
@click.option("--note", default="", help="Why; is kept with it.")
@_actor
@reports(show_.created)
def create(
    base: str,
    prompt: str | None,
    pairs: tuple[str, ...],
    spec: Path | None,
    name: str | None,
    note: str,
    actor: str,
) -> Report:
    """Make a version that is as VERSION (an assistant's name: the one that answers) but for this.

    The same content is the same version, whoever makes it.
    """
    from almanac.assistants import reading, versions

    values = _spec(spec) if spec else {}
    for pair in pairs:
        key, mark, text = pair.partition("=")
        if not mark or not key:
            raise click.UsageError(f"--set {pair}: write KEY=VALUE, such as retrieval.k=8")
        values[key] = _value(text)
    configured = settings(writes=True)
    made = versions.create(
        configured, base, actor, prompt=prompt, values=values, assistant=name, note=note
    )
    return reading.version_row(configured, made)


def _spec(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_bytes())
    except (ValueError, OSError) as error:
        raise ConfigError(f"{file} is no JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{file} must be a JSON object with the keys of a version")
    return values


@assistant.command("list")
@reports(show_.listing)
def list_() -> Report:
    """Every assistant: what answers, what is configured, all versions with their stages."""
    from almanac.assistants import reading

    return reading.listing(settings())


@assistant.command()
@_version
@reports(show_.showing)
def show(wanted: str) -> Report:
    """One version: all that it answers by, its gates, its steps."""
    from almanac.assistants import reading

    return reading.showing(settings(), wanted)


@assistant.command()
@click.argument("old", metavar="VERSION")
@click.argument("new", metavar="VERSION")
@reports(show_.difference)
def diff(old: str, new: str) -> Report:
    """What differs between two versions, in words, with the lines of their prompts."""
    from almanac.assistants import reading

    return reading.version_difference(settings(), old, new)


@assistant.command()
@_version
@_actor
@reports(show_.created)
def freeze(wanted: str, actor: str) -> Report:
    """Make a version of VERSION that stays at the release that it answers from now."""
    from almanac.assistants import reading

    return reading.frozen(settings(writes=True), wanted, actor)


@assistant.command()
@click.argument("name", metavar="[NAME]", required=False)
@reports(show_.history)
def history(name: str | None) -> Report:
    """Every step that was ever taken, with who, why and when."""
    from almanac.assistants import reading

    return reading.history(settings(), name)


@assistant.command()
@_version
@click.argument("to", metavar="STAGE", type=click.Choice(_STAGES))
@click.option(
    "--without-gate", is_flag=True, help="Into production although no gate passed; say why."
)
@_actor
@_reason
@reports(show_.moved)
def stage(wanted: str, **parameters: Any) -> Report:
    """Move VERSION to a STAGE: dev, staging, production, one at a time; or archived, rejected.

    Into production only past the gate. Servers answer by it within serving.poll_seconds.
    """
    from almanac.assistants import stages

    if parameters["without_gate"] and not parameters["reason"].strip():
        raise click.UsageError("--without-gate needs a --reason: it is kept")
    return stages.stage(settings(writes=True), wanted, **parameters)


@assistant.command()
@click.argument("name", metavar="NAME")
@click.option("--follow", is_flag=True, help="On new releases again, not at the one that it had.")
@_actor
@_reason
@reports(show_.moved)
def rollback(name: str, **parameters: Any) -> Report:
    """Take the last promotion back: the version before answers again, from the release it had."""
    from almanac.assistants import stages

    return stages.rollback(settings(writes=True), name, **parameters)


@assistant.command()
@_version
@click.option("--against", metavar="VERSION", help="Instead of the version that answers now.")
@click.option(
    "--golden",
    metavar="FILE.jsonl",
    type=click.Path(exists=True, dir_okay=False),
    help="Instead of gate.golden.",
)
@click.option("--markdown", is_flag=True, help="Print the text of a comment on a pull request.")
@_actor
@located
@as_json
def gate(
    wanted: str,
    against: str | None,
    golden: str | None,
    markdown: bool,
    actor: str,
    json_: bool,
) -> None:
    """Hold VERSION against the one that answers now, on the golden questions, in pairs.

    Exit code 0: it passed. 1: it is worse, or an error. 2: too few questions to tell, or a wrong
    configuration. What came of it is stored; production asks for it.
    """
    from almanac.assistants.gate import markdown as comment
    from almanac.serving.gating import run_gate

    log_to_stderr()
    with one_line_errors():
        result = run_gate(settings(writes=True), wanted, against, golden, actor, _tell)
    if json_:
        click.echo(json_line(result))
    else:
        click.echo(shown(comment(result) if markdown else show_.gated(result)))
    sys.exit({"passed": 0, "refused": 1}.get(result["outcome"], 2))


def _tell(done: int, whole: int) -> None:
    if done % 10 == 0 or done == whole:
        click.echo(f"{done} of {whole} questions answered by both", err=True)


VERBS = (assistant,)

"""`almanac ask`: one question, answered in the terminal."""

from __future__ import annotations

import click

from almanac.cli.options import (
    Report,
    as_json,
    as_of,
    located,
    one_line_errors,
    settings,
    whoami,
)
from almanac.cli.passages import readable_heading
from almanac.cli.terminal import json_line, shown
from schemas.times import When


@click.command()
@click.argument("question")
@as_of
@click.option("--assistant", metavar="NAME", help="Of [assistants]; the first unless given.")
@located
@as_json
def ask(question: str, when: When | None, assistant: str | None, json_: bool) -> None:
    """Answer QUESTION from the latest release, or the one of a date, with its sources.

    The answer is logged as those of `almanac serve` are.
    """
    from almanac.serving.terminal import ask as run

    def say(text: str) -> None:
        if not json_:
            click.echo(shown(text), nl=False)

    with one_line_errors():
        answer = run(settings(), question, when, assistant, whoami(), say)
    click.echo(json_line(answer) if json_ else shown(_sources(answer)))


def _sources(answer: Report) -> str:
    lines = ["", ""]
    cited = [one for one in answer["citations"] if one["used"]]
    if not cited and answer["citations"]:
        lines.append("The model said nothing that these passages support; the nearest are:")
    for one in cited or answer["citations"]:
        heading = "" if one["heading"] == one["title"] else readable_heading(one["heading"])
        where = f" › {heading}" if heading else ""
        lines.append(f"  [{one['n']}] {one['doc_id']}{where}")
    lines.append(
        f"Release {answer['release']} as of {answer['as_of']}, {answer['model']}, "
        f"{answer['seconds']:.1f} s. {answer['request_id']}"
    )
    return "\n".join(lines)


VERBS = (ask,)

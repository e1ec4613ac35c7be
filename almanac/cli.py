"""The command line: the same flows and the same reads as everywhere else, no logic of its own.

Exit codes: 0 done, 1 refused or failed (one line on standard error), 2 wrong usage.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec

import click

from almanac import show
from schemas.errors import AlmanacError, ConfigError
from schemas.settings import Settings, load_settings
from schemas.times import parse_when

P = ParamSpec("P")
Report = Mapping[str, Any]


class _When(click.ParamType):
    name = "when"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_when(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)


WHEN = _When()
as_json = click.option("--json", "json_", is_flag=True, help="One JSON object on standard output.")
as_of = click.option(
    "--as-of",
    "when",
    type=WHEN,
    metavar="WHEN",
    help="A date (its end, UTC) or a timestamp; the latest release unless given.",
)


def reports(human: Callable[[Report], str]) -> Callable[[Callable[P, Report]], Callable[P, None]]:
    """Print what a verb returns, for people or for machines; errors become exit codes."""

    def decorate(verb: Callable[P, Report]) -> Callable[P, None]:
        @wraps(verb)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            plain = bool(kwargs.pop("json_", False))
            with _one_line_errors():
                result = verb(*args, **kwargs)
            click.echo(json.dumps(result, ensure_ascii=False) if plain else human(result))

        return run

    return decorate


class _one_line_errors:
    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, AlmanacError):
            click.echo(f"almanac: {error}", err=True)
            sys.exit(2 if isinstance(error, ConfigError) else 1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="almanac")
@click.option("--lakehouse", metavar="URI", help="Where the lakehouse is; else as configured.")
@click.option("--config", metavar="FILE", help="Instead of almanac.toml or $ALMANAC_CONFIG.")
@click.pass_context
def main(context: click.Context, lakehouse: str | None, config: str | None) -> None:
    """Dated, provable search indexes over a company's documents."""
    context.obj = {"lakehouse": lakehouse, "config": config}


def _settings(context: click.Context) -> Settings:
    overrides = {key: context.obj[key] for key in ("lakehouse",) if context.obj[key]}
    return load_settings(context.obj["config"], **overrides)


def _run_nightly(context: click.Context, **parameters: Any) -> Report:
    from almanac.engine import run_flow

    # The configuration is read here too, so that a wrong one fails before Prefect starts.
    settings = _settings(context)
    if parameters.get("source"):
        settings.with_source(parameters["source"])
    return run_flow("nightly", **context.obj, **parameters)


@main.command()
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@click.option("--as-of", type=WHEN, metavar="WHEN", help="The time that the run speaks for; now.")
@click.option("--accept-losses", is_flag=True, help="Publish although much vanished or shrank.")
@click.option("--read-all", is_flag=True, help="Read files whose size and time are unchanged too.")
@as_json
@click.pass_context
@reports(show.nightly)
def nightly(context: click.Context, **parameters: Any) -> Report:
    """Bring the index to what the sources hold and publish it."""
    return _run_nightly(context, **parameters)


@main.command()
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@click.option("--read-all", is_flag=True, help="Read files whose size and time are unchanged too.")
@as_json
@click.pass_context
@reports(show.plan)
def plan(context: click.Context, source: str | None, read_all: bool) -> Report:
    """What a nightly run would do and cost, spending nothing."""
    from tasks.stages.plan import plan as make_plan
    from tasks.stages.run import begin_run

    settings = _settings(context)
    settings = settings.with_source(source) if source else settings
    return make_plan(begin_run(settings, datetime.now(UTC)), read_all)


@main.command()
@as_json
@click.pass_context
@reports(show.history)
def history(context: click.Context) -> Report:
    """Every release, newest first."""
    from tasks.stages import reading

    return reading.history(_settings(context))


@main.command()
@click.argument("query", required=False)
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="Hits a question.")
@click.option(
    "--mode",
    default="hybrid",
    show_default=True,
    type=click.Choice(["vector", "text", "hybrid"]),
)
@click.option("--queries", type=click.Path(exists=True, dir_okay=False), metavar="FILE.jsonl",
              help="Rows with id and text; answers one JSON object a line.")  # fmt: skip
@as_of
@as_json
@click.pass_context
def search(
    context: click.Context,
    query: str | None,
    k: int,
    mode: Any,
    queries: str | None,
    when: datetime | None,
    json_: bool,
) -> None:
    """Ask the latest release, or the one of a date."""
    from tasks.stages import reading

    if (query is None) == (queries is None):
        raise click.UsageError("give either a QUERY or --queries FILE.jsonl")
    with _one_line_errors():
        settings = _settings(context)
        if queries is not None:
            for answer in reading.answers(settings, queries, k, mode, when):
                click.echo(json.dumps(answer, ensure_ascii=False))
            return
        result = reading.search(settings, str(query), k, mode, when)
    click.echo(json.dumps(result, ensure_ascii=False) if json_ else show.search(result))


@main.command()
@as_of
@as_json
@click.pass_context
@reports(show.documents)
def documents(context: click.Context, when: datetime | None) -> Report:
    """The documents of a release."""
    from tasks.stages import reading

    return reading.documents(_settings(context), when)


@main.group()
def quarantine() -> None:
    """What was rejected and why."""


@quarantine.command("list")
@click.option("--all", "every", is_flag=True, help="Rows too that a later run found mended.")
@as_json
@click.pass_context
@reports(show.quarantine)
def quarantine_list(context: click.Context, every: bool) -> Report:
    """Rejected documents with the rule they broke."""
    from tasks.stages import reading

    return reading.quarantine(_settings(context), every)


@quarantine.command("retry")
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@as_json
@click.pass_context
@reports(show.nightly)
def quarantine_retry(context: click.Context, source: str | None) -> Report:
    """Read the rejected files again in a nightly run."""
    return _run_nightly(context, source=source, retry_quarantined=True)


if __name__ == "__main__":
    main()

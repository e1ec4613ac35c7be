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


class _When(click.ParamType[datetime]):
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


def _remember(context: click.Context, option: click.Parameter, value: str | None) -> None:
    context.ensure_object(dict)
    if value is not None:
        context.obj[option.name] = value


def located(verb: Callable[P, None]) -> Callable[P, None]:
    """The two global options, which may stand before the verb or after it."""
    lakehouse = click.option(
        "--lakehouse", metavar="URI", expose_value=False, callback=_remember,
        help="Where the lakehouse is; else as configured.",
    )  # fmt: skip
    config = click.option(
        "--config", metavar="FILE", expose_value=False, callback=_remember,
        help="Instead of almanac.toml or $ALMANAC_CONFIG.",
    )  # fmt: skip
    return lakehouse(config(verb))


def reports(
    human: Callable[[Report], str],
) -> Callable[[Callable[..., Report]], Callable[..., None]]:
    """Print what a verb returns, for people or for machines; errors become exit codes."""

    def decorate(verb: Callable[..., Report]) -> Callable[..., None]:
        @wraps(verb)
        def run(json_: bool, **parameters: Any) -> None:
            with _one_line_errors():
                result = verb(**parameters)
            click.echo(json.dumps(result, ensure_ascii=False) if json_ else human(result))

        return located(as_json(run))

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
@located
def main() -> None:
    """Dated, provable search indexes over a company's documents."""


def _located() -> dict[str, str | None]:
    given = click.get_current_context().obj
    return {"lakehouse": given.get("lakehouse"), "config": given.get("config")}


def _settings() -> Settings:
    given = _located()
    overrides = {"lakehouse": given["lakehouse"]} if given["lakehouse"] else {}
    return load_settings(given["config"], **overrides)


def _run_nightly(**parameters: Any) -> Report:
    from almanac.engine import run_flow

    # The configuration is read here too, so that a wrong one fails before Prefect starts.
    settings = _settings()
    if parameters.get("source"):
        settings.with_source(parameters["source"])
    return run_flow("nightly", **_located(), **parameters)


@main.command()
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@click.option("--as-of", type=WHEN, metavar="WHEN", help="The time that the run speaks for; now.")
@click.option("--accept-losses", is_flag=True, help="Publish although much vanished or shrank.")
@click.option("--read-all", is_flag=True, help="Read files whose size and time are unchanged too.")
@reports(show.nightly)
def nightly(**parameters: Any) -> Report:
    """Bring the index to what the sources hold and publish it."""
    return _run_nightly(**parameters)


@main.command()
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@click.option("--read-all", is_flag=True, help="Read files whose size and time are unchanged too.")
@reports(show.plan)
def plan(source: str | None, read_all: bool) -> Report:
    """What a nightly run would do and cost, spending nothing."""
    from tasks.stages.plan import plan as make_plan
    from tasks.stages.run import begin_run

    settings = _settings()
    settings = settings.with_source(source) if source else settings
    return make_plan(begin_run(settings, datetime.now(UTC)), read_all)


@main.command()
@reports(show.history)
def history() -> Report:
    """Every release, newest first."""
    from tasks.stages import reading

    return reading.history(_settings())


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
@located
@as_json
def search(
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
        settings = _settings()
        if queries is not None:
            for answer in reading.answers(settings, queries, k, mode, when):
                click.echo(json.dumps(answer, ensure_ascii=False))
            return
        result = reading.search(settings, str(query), k, mode, when)
    click.echo(json.dumps(result, ensure_ascii=False) if json_ else show.search(result))


@main.command()
@as_of
@reports(show.documents)
def documents(when: datetime | None) -> Report:
    """The documents of a release."""
    from tasks.stages import reading

    return reading.documents(_settings(), when)


@main.group()
def quarantine() -> None:
    """What was rejected and why."""


@quarantine.command("list")
@click.option("--all", "every", is_flag=True, help="Rows too that a later run found mended.")
@reports(show.quarantine)
def quarantine_list(every: bool) -> Report:
    """Rejected documents with the rule they broke."""
    from tasks.stages import reading

    return reading.quarantine(_settings(), every)


@quarantine.command("retry")
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@reports(show.nightly)
def quarantine_retry(source: str | None) -> Report:
    """Read the rejected files again in a nightly run."""
    return _run_nightly(source=source, retry_quarantined=True)


if __name__ == "__main__":
    main()

"""The command line: the same flows and the same reads as everywhere else, no logic of its own.

Exit codes: 0 done, 1 refused or failed (one line on standard error), 2 wrong usage.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from almanac.cli import (
    access,
    adapters,
    alarms,
    ask,
    assistant,
    backfill,
    cache,
    cost,
    dataset,
    deploy,
    drift,
    feedback,
    golden,
    init,
    judge,
    keys,
    mcp,
    prompt,
    releases,
    replay,
    rollout,
    serve,
    show,
    status,
    trace,
    triage,
    tune,
    up,
)
from almanac.cli.filtering import filtered
from almanac.cli.groups import Verbs
from almanac.cli.options import (
    COUNT,
    MOMENT,
    Change,
    Report,
    applies,
    as_json,
    as_of,
    given_options,
    located,
    one_line_errors,
    reports,
    settings,
    whoami,
)
from almanac.cli.terminal import json_line, shown
from schemas.times import When


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="almanac")
@located
def main() -> None:
    """Dated, provable search indexes over a company's documents."""


for room in (
    init,
    releases,
    backfill,
    feedback,
    triage,
    dataset,
    tune,
    adapters,
    up,
    alarms,
    trace,
    deploy,
    drift,
    access,
    serve,
    ask,
    prompt,
    assistant,
    golden,
    keys,
    mcp,
    replay,
    status,
    rollout,
    cache,
    cost,
    judge,
):
    for verb in room.VERBS:
        main.add_command(verb)


def _run_nightly(**parameters: Any) -> Report:
    from almanac.cli.engine import run_flow
    from almanac.ingest.preflight import refuse_early

    # The configuration is read here too, so that a wrong one fails before Prefect starts.
    configured = settings(may_be_new=not parameters.get("retry_quarantined"), writes=True)
    source = parameters.get("source")
    configured = configured.with_source(source) if source else configured
    refuse_early(
        configured,
        source is not None,
        parameters.get("as_of"),
        parameters.get("allow_future", False),
    )
    return run_flow("nightly", **given_options(), **parameters)


@main.command()
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@click.option("--as-of", type=MOMENT, metavar="WHEN", help="The time that the run speaks for; now.")
@click.option("--accept-losses", is_flag=True, help="Publish although much vanished or shrank.")
@click.option("--read-all", is_flag=True, help="Read files whose size and time are unchanged too.")
@click.option(
    "--accept-upgrade",
    is_flag=True,
    help="Publish with another embedder or chunker, whatever it answers.",
)
@click.option("--lift-hold", is_flag=True, help="Publish although a restore told runs to wait.")
@click.option(
    "--allow-future",
    is_flag=True,
    help="Take a time more than an hour ahead; nights before it are refused.",
)
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
    from almanac.ingest.plan import plan as make_plan
    from almanac.ingest.run import begin_run

    configured = settings(may_be_new=True)
    configured = configured.with_source(source) if source else configured
    return make_plan(begin_run(configured, datetime.now(UTC)), read_all)


@main.command()
@reports(show.history)
def history() -> Report:
    """Every release, newest first."""
    from almanac.retrieval import reading

    return reading.history(settings())


@main.command()
@click.argument("words", metavar="[QUERY]", nargs=-1)
@click.option("-k", default=10, show_default=True, type=COUNT, help="Hits a question.")
@click.option(
    "--mode",
    default="hybrid",
    show_default=True,
    type=click.Choice(["vector", "text", "hybrid"]),
)
@click.option(
    "--queries",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE.jsonl",
    help="Rows with id and text; answers one JSON object a line.",
)
@filtered
@as_of
@located
@as_json
def search(
    words: tuple[str, ...],
    k: int,
    mode: Any,
    queries: str | None,
    when: When | None,
    json_: bool,
    filters: Any,
) -> None:
    """Ask the latest release, or the one of a date; of all documents, or of some."""
    from almanac.retrieval import reading

    query = " ".join(words) if words else None  # a question may stand without quotes
    if (query is None) == (queries is None):
        raise click.UsageError("give either a QUERY or --queries FILE.jsonl")
    with one_line_errors():
        if query is not None:
            reading.refuse_empty(query)
        configured = settings()
        if queries is not None:
            for answer in reading.answers(configured, queries, k, mode, when, filters):
                click.echo(json_line(answer))
            return
        result = reading.search(configured, str(query), k, mode, when, filters)
    click.echo(json_line(result) if json_ else shown(show.search(result)))


@main.command()
@click.argument("doc_id", required=False)
@as_of
@reports(show.documents)
def documents(doc_id: str | None, when: When | None) -> Report:
    """The documents of a release, or the text and the chunks of one of them."""
    from almanac.retrieval import reading

    if doc_id is not None:
        return reading.document(settings(), doc_id, when)
    return reading.documents(settings(), when)


@main.group()
def quarantine() -> None:
    """What was rejected and why."""


@quarantine.command("list")
@click.option("--all", "every", is_flag=True, help="Rows too that are mended or dismissed.")
@as_of
@reports(show.quarantine)
def quarantine_list(every: bool, when: When | None) -> Report:
    """Rejected documents with the rule they broke, now or as of a release."""
    from almanac.retrieval import reading

    return reading.quarantine(settings(), every, when)


@quarantine.command("dismiss")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--source", metavar="NAME", help="Rows of this source, such as feedback/votes.")
@click.option("--rule", metavar="NAME", help="Rows that broke this rule.")
@click.option("--reason", required=True, metavar="TEXT", help="Is kept with the rows.")
@click.option("--actor", default=whoami, metavar="WHO", help="Who has looked at them.")
@applies(show.dismissed)
def quarantine_dismiss(ids: tuple[str, ...], actor: str, **chosen: Any) -> Change:
    """Take rows out of the list that a person has looked at: by ID, source or rule.

    An ID is that of a row, a document or a request. What is dismissed is kept (`list --all`) and
    stays so until it is mended, or breaks another rule.
    """
    from almanac.releases.dismiss import dismiss

    configured = settings(writes=True, absent="nothing is in quarantine")
    return Change(
        lambda: dismiss(configured, ids=ids, by=actor, dry_run=True, **chosen),
        lambda: dismiss(configured, ids=ids, by=actor, **chosen),
    )


@quarantine.command("retry")
@click.option("--source", metavar="PATH_OR_URL", help="Read this, or NAME=THIS, as the source.")
@reports(show.nightly)
def quarantine_retry(source: str | None) -> Report:
    """Read the rejected files again in a nightly run."""
    return _run_nightly(source=source, retry_quarantined=True)


if __name__ == "__main__":
    main()

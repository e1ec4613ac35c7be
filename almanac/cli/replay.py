"""`almanac replay` and `almanac bisect`: an answer again, and when its passages changed."""

from __future__ import annotations

from typing import Any

import click

from almanac.cli.options import AS_OF, Report, reports, settings
from almanac.cli.show_diff import difference as show_difference
from schemas.times import When


def _replayed(report: Report) -> str:
    lines = [
        f"Request {report['request_id']}: {report['question']}",
        f"  answered by release {report['answered_by']}, replayed on {report['replayed_on']} "
        f"of {report['as_of']}",
    ]
    passages, prompt = report["passages"], report["prompt"]
    if passages["same"]:
        lines.append(f"  passages  the same {len(passages['then'])}, byte for byte")
    else:
        lines.append(
            f"  passages  differ: {len(passages['gone'])} gone, {len(passages['new'])} new "
            f"({', '.join(one['doc_id'] for one in passages['new']) or 'another order'})"
        )
    same = "the same, byte for byte" if prompt["same"] else f"differs: {prompt['why']}"
    lines.append(f"  prompt    {same}")
    if report["version"]["then"] != report["version"]["now"]:
        lines.append(
            f"  version   {report['version']['then']} then, {report['version']['now']} now"
        )
    lines += [f"  {name:<9} {said}" for name, said in report["how"].items()]
    lines += ["", f"  then   {report['answer']}"]
    if "today" in report:
        lines.append(f"  today  {report['today']['answer']}")
    return "\n".join(lines)


@click.command()
@click.argument("request_id", metavar="REQUEST")
@click.option("--release", type=click.IntRange(1), help="Instead of the one that answered.")
@click.option("--now", is_flag=True, help="Also answer the question as of now.")
@reports(_replayed, lambda report: bool(report["same"]))
def replay(request_id: str, release: int | None, now: bool) -> Report:
    """Find the passages of a REQUEST again and render its prompt; exit code 1 if it differs."""
    from almanac.serving.terminal import replay as run

    return run(settings(), request_id, release, now)


def _bisected(report: Report) -> str:
    count = f"{report['asked']} of {report['releases']} releases asked"
    if report["skipped"]:
        count += f", {report['skipped']} not open"
    if not report["changed"]:
        if report["expect"] is None:
            return f"The passages are the same at both ends ({count})."
        holds = "stands in the passages" if report["holds"] else "is in no passage"
        return f"{report['expect']!r} {holds} at both ends ({count})."
    before, after = report["before"], report["after"]
    what = "the passages changed"
    if report["expect"] is not None:
        what = f"{report['expect']!r} {'came' if report['came'] else 'went'}"
    return "\n".join(
        [
            f"With release {after['release']} of {after['as_of']} {what}; release "
            f"{before['release']} of {before['as_of']} was the last before ({count}).",
            "",
            show_difference(report["because"]),
        ]
    )


@click.command()
@click.argument("question")
@click.option(
    "--from", "start", type=AS_OF, required=True, metavar="WHEN", help="A release or date."
)
@click.option("--to", "end", type=AS_OF, metavar="WHEN", help="What answers now unless given.")
@click.option("--expect", metavar="TEXT", help="When did this come into the passages, or go?")
@click.option("-k", default=5, show_default=True, type=click.IntRange(1), help="Passages.")
@click.option(
    "--mode", default="hybrid", show_default=True, type=click.Choice(["vector", "text", "hybrid"])
)
@reports(_bisected)
def bisect(
    question: str, start: When, end: When | None, expect: str | None, k: int, mode: Any
) -> Report:
    """Find the release at which the passages for QUESTION changed, and the document behind it."""
    from almanac.releases.bisect import bisect as run

    return run(settings(), question, start, end, expect, k, mode)


VERBS = (replay, bisect)

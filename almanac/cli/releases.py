"""Verbs over what was: compare, prove, restore, mend, keep and forget."""

from __future__ import annotations

from typing import Any

import click

from almanac.cli import show_releases
from almanac.cli.options import AS_OF, MOMENT, Report, as_of, reports, settings
from almanac.cli.show_diff import difference as show_difference
from schemas.times import When


@click.command()
@click.argument("before", type=AS_OF)
@click.argument("after", type=AS_OF, required=False)
@click.option("--query", "question", metavar="TEXT", help="Which hits changed, and why.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="Hits.")
@click.option(
    "--mode", default="hybrid", show_default=True, type=click.Choice(["vector", "text", "hybrid"])
)
@reports(show_difference)
def diff(before: When, after: When | None, question: str | None, k: int, mode: Any) -> Report:
    """What changed from BEFORE to AFTER (what answers now): dates, times or release numbers."""
    from almanac.releases.diff import difference

    return difference(settings(), before, after, question, k, mode)


@click.command()
@as_of
@click.option("--all", "every", is_flag=True, help="Every release there is.")
@click.option("--quick", is_flag=True, help="Names, seals, sizes and probes; reads no file whole.")
@reports(show_releases.verify, lambda result: bool(result["ok"]))
def verify(when: When | None, every: bool, quick: bool) -> Report:
    """Prove a release against the seal it was published with; exit code 1 where it differs."""
    from almanac.releases.checks import verify_report

    if every and when is not None:
        raise click.UsageError("give either --as-of or --all")
    return verify_report(settings(), when, every, quick)


@click.command()
@click.option("--heal", is_flag=True, help="Mend the difference; embeds only what is not stored.")
@click.option("--quick", is_flag=True, help="Sizes of files instead of their hashes.")
@reports(show_releases.doctor, lambda result: bool(result["ok"]))
def doctor(heal: bool, quick: bool) -> Report:
    """Compare the index with what Delta says it must hold; exit code 1 with findings."""
    from almanac.releases.checks import doctor_report

    return doctor_report(settings(), heal, quick)


@click.command()
@click.option(
    "--as-of",
    "when",
    type=AS_OF,
    metavar="WHEN",
    required=True,
    help="A date (its end, UTC), a timestamp or a release number.",
)
@click.option(
    "--mode",
    default="publish",
    show_default=True,
    type=click.Choice(["publish", "copy", "reopen"]),
    help="Point readers back; build a lakehouse of its own; open a cold release again.",
)
@click.option("--to", metavar="URI", help="Where the copy goes; must be empty.")
@click.option("--reason", default="", help="Is kept with the release.")
@click.option("--hold", is_flag=True, help="Nightly runs wait until one is given --lift-hold.")
@click.option("--dry-run", is_flag=True, help="Say what it would do.")
@reports(show_releases.restore)
def restore(**parameters: Any) -> Report:
    """Go back to a release. History is added to, never rewritten."""
    from almanac.releases.restore import restore as run

    return run(settings(), parameters.pop("when"), parameters.pop("mode"), **parameters)


@click.group()
def retention() -> None:
    """Which releases stay open, by the policy in [retention]."""


_now = click.option("--now", type=MOMENT, metavar="WHEN", help="Judge as of then.")


@retention.command("plan")
@_now
@reports(show_releases.retention)
def retention_plan(now: Any) -> Report:
    """Per release its tier before and after, the rule, and what goes."""
    from almanac.releases import retention as stage

    return stage.plan(settings(), now)


@retention.command("apply")
@_now
@reports(show_releases.retention)
def retention_apply(now: Any) -> Report:
    """Do what `plan` says, compact, and clear what nothing needs any more."""
    from almanac.releases import retention as stage

    return stage.apply(settings(), now)


@click.command()
@click.option("--doc", "doc_id", metavar="ID", help="A document, in whatever source.")
@click.option("--source", metavar="NAME", help="Where several sources have that document.")
@click.option("--copies", is_flag=True, help="Also other ids that ever had the very same text.")
@click.option("--user", "user_id", metavar="ID", help="A user's requests and votes.")
@click.option("--allow", is_flag=True, help="Let it be ingested again; erases nothing.")
@click.option("--dry-run", is_flag=True, help="Say what it would touch.")
@reports(show_releases.erase)
def erase(
    doc_id: str | None,
    source: str | None,
    copies: bool,
    user_id: str | None,
    allow: bool,
    dry_run: bool,
) -> Report:
    """Remove a document or a user from every release, table, index and log, physically."""
    from almanac.releases import erase as stage

    if (doc_id is None) == (user_id is None):
        raise click.UsageError("give either --doc ID or --user ID")
    subject = stage.Subject(doc_id, source, user_id, copies)
    if allow:
        return stage.allow(settings(), subject)
    return stage.erase(settings(), subject, dry_run=dry_run)


VERBS = (diff, verify, doctor, restore, retention, erase)

"""Verbs over what was: compare, prove, restore, mend, keep and forget."""

from __future__ import annotations

from typing import Any

import click

from almanac.cli import show_releases
from almanac.cli.options import (
    AS_OF,
    COUNT,
    MOMENT,
    Change,
    Report,
    applies,
    as_of,
    reports,
    settings,
)
from almanac.cli.show_diff import difference as show_difference
from schemas.times import When


@click.command()
@click.argument("before", type=AS_OF)
@click.argument("after", type=AS_OF, required=False)
@click.option("--query", "question", metavar="TEXT", help="Which hits changed, and why.")
@click.option("-k", default=10, show_default=True, type=COUNT, help="Hits.")
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

    return doctor_report(settings(writes=heal), heal, quick)


@click.command()
@click.option("--dry-run", is_flag=True, help="Say which steps are due.")
@reports(show_releases.upgrade)
def upgrade(dry_run: bool) -> Report:
    """Bring the lakehouse to the storage format of this version, as the next run would."""
    from almanac.releases.upgrade import upgrade as run

    return run(settings(writes=not dry_run), dry_run)


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
@click.option(
    "--at",
    type=MOMENT,
    metavar="WHEN",
    help="The logical time of the new release; the present unless given. Later nights "
    "must not be earlier.",
)
@applies(show_releases.restore)
def restore(when: When, mode: Any, **parameters: Any) -> Change:
    """Go back to a release. History is added to, never rewritten."""
    from almanac.releases.restore import restore as run

    configured = settings(writes=True)
    return Change(
        lambda: run(configured, when, mode, dry_run=True, **parameters),
        lambda: run(configured, when, mode, **parameters),
    )


@click.command()
@click.argument("release", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Is kept with the history.")
@click.option("--hold", is_flag=True, help="Nightly runs wait until one is given --lift-hold.")
@applies(show_releases.withdraw)
def withdraw(release: int, reason: str, hold: bool) -> Change:
    """Take back the newest RELEASE: readers get the one before it, later nights go on.

    History is added to: the number is never given again, and --as-of NUMBER still opens it.
    """
    from almanac.releases.withdraw import withdraw as run

    configured = settings(writes=True)
    return Change(
        lambda: run(configured, release, reason, hold=hold, dry_run=True),
        lambda: run(configured, release, reason, hold=hold),
    )


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
@applies(show_releases.retention)
def retention_apply(now: Any) -> Change:
    """Do what `plan` says, compact, and clear what nothing needs any more."""
    from almanac.releases import retention as stage

    configured = settings(writes=True)
    return Change(lambda: stage.plan(configured, now), lambda: stage.apply(configured, now))


@click.command()
@click.option("--doc", "doc_id", metavar="ID", help="A document, in whatever source.")
@click.option("--source", metavar="NAME", help="Where several sources have that document.")
@click.option("--copies", is_flag=True, help="Also other ids that ever had the very same text.")
@click.option("--user", "user_id", metavar="ID", help="A user's requests and votes.")
@click.option("--receipt", metavar="ID", help="With --allow: what that erasure took.")
@click.option("--allow", is_flag=True, help="Let it be ingested again; erases nothing.")
@applies(show_releases.erase)
def erase(
    doc_id: str | None,
    source: str | None,
    copies: bool,
    user_id: str | None,
    receipt: str | None,
    allow: bool,
) -> Change:
    """Remove a document or a user from every release, table, index and log, physically.

    There is no form for it: Prefect would keep the id among the parameters of the run.
    """
    from almanac.releases import erase as stage
    from almanac.releases.erasure_planning import Subject
    from almanac.serving.forgetting import erase_with_keys

    if sum(value is not None for value in (doc_id, user_id, receipt)) != 1:
        raise click.UsageError("give either --doc ID or --user ID; or --allow and --receipt ID")
    if receipt is not None and not allow:
        raise click.UsageError("--receipt goes with --allow")
    configured, subject = (
        settings(writes=True),
        Subject(doc_id, source, user_id, copies, receipt),
    )
    if allow:
        return Change(
            lambda: stage.allow(configured, subject, dry_run=True),
            lambda: stage.allow(configured, subject),
        )

    def erased(dry_run: bool) -> Report:
        return erase_with_keys(
            configured, user_id, lambda: stage.erase(configured, subject, dry_run=dry_run), dry_run
        )

    return Change(lambda: erased(True), lambda: erased(False))


@click.group()
def lease() -> None:
    """Who writes now; on the command line alone."""


@lease.command("show")
@reports(show_releases.lease)
def lease_show() -> Report:
    """The holder of the lease, and whether the next writer would wait for it."""
    from almanac.releases import lease as stage

    return stage.show(settings())


@lease.command("break")
@click.option("--reason", required=True, metavar="TEXT", help="Is kept in the table of runs.")
@applies(show_releases.lease_broken)
def lease_break(reason: str) -> Change:
    """Take the lease from a holder that is dead; what a living one still commits is refused."""
    from almanac.releases import lease as stage

    configured = settings(writes=True)
    return Change(
        lambda: stage.break_(configured, reason, dry_run=True),
        lambda: stage.break_(configured, reason),
    )


VERBS = (diff, verify, doctor, upgrade, restore, withdraw, retention, erase, lease)

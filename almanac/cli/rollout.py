"""`almanac rollout`: a new version for a growing share of users, with proof."""

from __future__ import annotations

import click

from almanac.cli.options import Report, reports, settings, whoami

_ABSENT = "there is no rollout yet"
_actor = click.option("--actor", default=whoami, metavar="WHO", help="Who takes the step.")
_reason = click.option("--reason", default="", metavar="TEXT", help="Is kept with the step.")
_name = click.argument("name", metavar="ROLLOUT")
_SOURCES = {
    "judge": "judge's pairs",
    "votes": "votes",
    "signals": "answers that did not fail",
}


def _line(row: Report) -> str:
    kind = "A/B test" if row["test"] else "rollout"
    return (
        f"{row['rollout']}  {row['assistant']}: {row['candidate'][:12]} for {row['share']:.0%} of "
        f"users instead of {row['current'][:12]}, {kind} {row['state']}: {row['reason']}"
    )


def _listing(report: Report) -> str:
    return "\n".join(_line(row) for row in report["rollouts"]) or (
        "No rollouts: `almanac rollout start ASSISTANT VERSION`."
    )


def _status(report: Report) -> str:
    if report.get("rollouts") == [] and report["ended"]:
        return f"None is under way; {report['ended']} ended: `almanac rollout history`."
    if "rollouts" in report:
        return _listing(report)
    evidence = report["evidence"]
    lines = [_line(report)]
    for source, name in _SOURCES.items():
        one = evidence["intervals"][source]
        figures = f"{one['estimate']:+.1%} ({one['lower']:+.1%} to {one['upper']:+.1%})"
        lines.append(f"  {name}: {figures if one['n'] else 'not measured'}, n = {one['n']}")
    coverage = evidence["coverage"]
    judged = "no pair sent" if coverage is None else f"judged {coverage:.0%} of the last pairs"
    grows = f"the share grows by {_SOURCES[report['plan']['needs']]}"
    lines.append(f"  coverage: {judged}; {'a test keeps its share' if report['test'] else grows}")
    if report["verdict"]:
        lines.append(f"  now: {report['verdict']}: {report['verdict_reason']}")
    lines += [
        f"  {step['at']}  {step['share']:.0%} {step['state']}, {step['actor']}: {step['reason']}"
        for step in report["steps"]
    ]
    return "\n".join(lines)


@click.group()
def rollout() -> None:
    """A new version for a growing share of users, and back by itself where it is worse."""


@rollout.command()
@click.argument("assistant")
@click.argument("version")
@click.option(
    "--ab",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="A test: this share of users until it is stopped; it never promotes itself.",
)
@click.option("--again", is_flag=True, help="Although it was rolled back within the last day.")
@_reason
@_actor
@reports(_line)
def start(
    assistant: str, version: str, ab: float | None, again: bool, reason: str, actor: str
) -> Report:
    """Begin to roll out a VERSION that is in staging; servers take it up at their next poll."""
    from almanac.rollouts import verbs

    return verbs.start(settings(writes=True), assistant, version, actor, reason, ab, again)


@rollout.command()
@click.argument("name", metavar="[ROLLOUT]", required=False)
@reports(_status)
def status(name: str | None) -> Report:
    """What is under way; of one rollout the figures, the verdict now and every step."""
    from almanac.rollouts import verbs

    return verbs.status(settings(absent=_ABSENT), name)


@rollout.command()
@_name
@_actor
@reports(_status)
def check(name: str, actor: str) -> Report:
    """Look at the evidence now and do what it says, as a server does by its timer."""
    from almanac.rollouts import verbs

    return verbs.check_now(settings(writes=True), name, actor)


@rollout.command()
@_name
@_reason
@_actor
@reports(_line)
def pause(name: str, reason: str, actor: str) -> Report:
    """Let the share stay as it is; a worse version goes back all the same."""
    return _move("pause", name, actor, reason)


@rollout.command()
@_name
@_reason
@_actor
@reports(_line)
def resume(name: str, reason: str, actor: str) -> Report:
    """Go on after a pause."""
    return _move("resume", name, actor, reason)


@rollout.command()
@_name
@_reason
@_actor
@reports(_line)
def stop(name: str, reason: str, actor: str) -> Report:
    """End it: the version of before answers everybody."""
    return _move("stop", name, actor, reason)


@rollout.command()
@reports(_listing)
def history() -> Report:
    """Every rollout, newest first, with how it ended."""
    from almanac.rollouts import verbs

    return verbs.history(settings(absent=_ABSENT))


def _move(step: str, name: str, actor: str, reason: str) -> Report:
    from almanac.rollouts import verbs

    return verbs.move(settings(writes=True, absent=_ABSENT), step, name, actor, reason)


VERBS = (rollout,)

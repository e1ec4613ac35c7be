"""`almanac judge`: the judge on live traffic."""

from __future__ import annotations

from typing import Any

import click

from almanac.cli.options import Report, reports, settings


def _shown(report: Report) -> str:
    lines = []
    if "asked" in report:
        gave_up = ", then it failed three times in a row" if report["gave_up"] else ""
        lines.append(
            "Another run of the judge is at work on this machine: nothing was asked."
            if report["busy"]
            else f"The judge was asked about {report['asked']:,} answers{gave_up}."
        )
    late = " and that is too long: is `almanac judge run` scheduled?" if report["late"] else ""
    waits = f"{report['waiting']:,} of {report['chosen']:,} chosen answers wait for it"
    if report["lag_hours"] is not None:
        waits += f", the oldest for {report['lag_hours']:g} hours{late}"
    lines.append(waits)
    for one in report["versions"]:
        lines.append(
            f"{one['assistant']} {one['version']}: {one['answers']:,} answers, "
            f"{one['refused']:.1%} refused, {one['empty']:.1%} empty"
        )
        lines += [f"  {name}: {_figure(found)}" for name, found in one["measures"].items()]
        if by := one["by_people"]:
            lines.append(
                f"  good: {by['good']:.1%} by the judge, {by['corrected']:.1%} by what people say "
                f"of it ({by['low']:.1%} to {by['high']:.1%})"
            )
    return "\n".join(lines)


def _figure(found: dict[str, Any]) -> str:
    counted = f"{found['judged']:,} of {found['asked']:,} judged"
    if found["unknown"]:
        return f"unknown ({counted})"
    return f"{found['mean']:.3f} ({found['low']:.3f} to {found['high']:.3f}; {counted})"


@click.group()
def judge() -> None:
    """What the model of [judge] says of the answers that users were given."""


@judge.command("run")
@reports(_shown)
def run_() -> Report:
    """Judge the chosen answers that are not judged yet; once more goes on where it stopped."""
    from almanac.judging.run import run

    return run(settings(writes=True))


@judge.command("status")
@reports(_shown)
def status() -> Report:
    """The figures with their coverage and intervals, and how long answers wait for the judge."""
    from almanac.judging.run import standing

    return standing(settings())


VERBS = (judge,)

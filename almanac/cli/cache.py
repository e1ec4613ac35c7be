"""`almanac cache`: answers that are kept to be given again."""

from __future__ import annotations

from pathlib import Path

import click

from almanac.cli.options import Change, Report, applies, reports, settings


def _status(report: Report) -> str:
    gone = ", ".join(f"{times:,} {why}" for why, times in report["gone"].items()) or "none"
    since = f", the oldest of {report['oldest'][:10]}" if report["oldest"] else ""
    modes = ", ".join(f"{name} {mode}" for name, mode in report["assistants"].items())
    return (
        f"{report['answers']:,} answers are kept{since} ({report['bytes'] / 1e6:.1f} MB in "
        f"{report['file']})\n{report['given']:,} times one was given again; "
        f"{report['kept']:,} were kept in all, and gone are: {gone}\nby assistant: {modes}"
    )


def _cleared(report: Report) -> str:
    return f"{report['answers']:,} kept answers {'would go' if report['dry_run'] else 'are gone'}"


def _calibrated(report: Report) -> str:
    counted = (
        f"{report['pairs']:,} pairs, {report['same']:,} that ask the same and "
        f"{report['different']:,} that do not, with {report['model']}\n"
    )
    bound = f"{report['upper_bound']:.2%} at most (95 %; the limit is {report['limit']:.1%})"
    hits = f"{report['right_hits']:,} of {report['same']:,} right hits, "
    hits += f"{report['false_hits']:,} of {report['different']:,} false ones: {bound}"
    if report["mode"] == "semantic":
        chosen = f'cache = {{ mode = "semantic", threshold = {report["threshold"]} }}'
        return f"{counted}{hits}\n{chosen}"
    more = (
        "" if report["different"] >= 736 else " At least 736 pairs that do not ask the same tell."
    )
    return f'{counted}{hits}\ncache = {{ mode = "exact" }}: no threshold keeps the limit.{more}'


@click.group()
def cache() -> None:
    """Answers that are kept, and given again without a model."""


@cache.command("status")
@reports(_status)
def status() -> Report:
    """How many answers are kept on this machine, how often they were given, what became of them."""
    from almanac.assistants.configured import configured
    from almanac.cache import reading

    found = settings()
    modes = {name: one.cache.mode for name, one in configured(found).items()}
    return reading.status(found) | {"assistants": modes}


@cache.command("calibrate")
@click.argument("file", metavar="FILE.jsonl", type=click.Path(path_type=Path))
@reports(_calibrated)
def calibrate(file: Path) -> Report:
    """Find the threshold for `semantic` on pairs of questions: rows with a, b and same.

    It is the lowest whose share of false hits among the pairs that do not ask the same stays under
    0.5 %, at the upper end of its interval; where there is none, the cache should stay exact.
    """
    from almanac.cache.calibration import calibrate as find

    return find(settings(), file)


@cache.command("clear")
@applies(_cleared)
def clear() -> Change:
    """Let go of all kept answers of this machine; they are made anew when they are asked for."""
    from almanac.cache import reading

    found = settings(writes=True)
    return Change(lambda: reading.clear(found, dry_run=True), lambda: reading.clear(found))


VERBS = (cache,)

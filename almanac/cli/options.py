"""What every verb of the command line shares: options, the configuration, errors, output."""

from __future__ import annotations

import getpass
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

import click

from almanac.cli.groups import advice
from almanac.cli.terminal import json_line, shown
from schemas.errors import AlmanacError, ConfigError, ExtraMissing
from schemas.settings import Settings, load_settings
from schemas.times import When, parse_as_of, parse_since, parse_when

P = ParamSpec("P")
Report = Mapping[str, Any]


class _Moment(click.ParamType[datetime]):
    name = "when"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return parse_when(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)


class _Since(click.ParamType[datetime]):
    name = "when"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """A date means its first instant here, so that --from and --to of one day are that day."""
        if isinstance(value, datetime):
            return value
        try:
            return parse_since(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)


class _AsOf(click.ParamType[When]):
    name = "when"

    def convert(self, value: Any, param: Any, ctx: Any) -> When:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]
        try:
            return parse_as_of(value)
        except ConfigError as error:
            self.fail(str(error), param, ctx)


class _Count(click.IntRange):
    name = "whole number"  # what click says that a word is none of


MOMENT = _Moment()
COUNT = _Count(1)
SINCE = _Since()
AS_OF = _AsOf()
as_json = click.option("--json", "json_", is_flag=True, help="One JSON object on standard output.")
as_of = click.option(
    "--as-of",
    "when",
    type=AS_OF,
    metavar="WHEN",
    help="A date (its end, UTC), a timestamp or a release number; what answers now unless given.",
)


def _remember(context: click.Context, option: click.Parameter, value: str | None) -> None:
    context.ensure_object(dict)
    if value is not None:
        context.obj[option.name] = value


def located(verb: Callable[P, None]) -> Callable[P, None]:
    """The two global options, which may stand before the verb or after it."""
    lakehouse = click.option(
        "--lakehouse",
        metavar="URI",
        expose_value=False,
        callback=_remember,
        help="Where the lakehouse is; else as configured.",
    )
    config = click.option(
        "--config",
        metavar="FILE",
        expose_value=False,
        callback=_remember,
        help="Instead of almanac.toml or $ALMANAC_CONFIG.",
    )
    return lakehouse(config(verb))


def reports(
    human: Callable[[Report], str], sound: Callable[[Report], bool] = lambda _: True
) -> Callable[[Callable[..., Report]], Callable[..., None]]:
    """Print what a verb returns, for people or for machines; errors become exit codes.

    Where the result is not `sound`, the exit code is 1 all the same.
    """

    def decorate(verb: Callable[..., Report]) -> Callable[..., None]:
        @wraps(verb)
        def run(json_: bool, **parameters: Any) -> None:
            log_to_stderr()
            with one_line_errors():
                result = verb(**parameters)
            click.echo(json_line(result) if json_ else shown(human(result)))
            if not sound(result):
                sys.exit(1)

        return located(as_json(run))

    return decorate


class Change(NamedTuple):
    """What a verb would change, and the change itself.

    A plan with the key `nothing_to_do` ends the verb as done.
    """

    plan: Callable[[], Report]
    act: Callable[[], Report]


def applies(
    human: Callable[[Report], str],
) -> Callable[[Callable[..., Change]], Callable[..., None]]:
    """A verb that changes what is stored: it shows its plan first, and asks on a terminal.

    `--yes` acts at once and `--dry-run` only shows. Without a terminal and without either of them
    the plan is shown, nothing is changed, and the exit code is 2.
    """
    yes = click.option("--yes", is_flag=True, help="Do it without asking.")
    dry_run = click.option("--dry-run", is_flag=True, help="Show what it would do, and do nothing.")

    def decorate(verb: Callable[..., Change]) -> Callable[..., None]:
        @wraps(verb)
        def run(json_: bool, yes: bool, dry_run: bool, **parameters: Any) -> None:
            log_to_stderr()
            with one_line_errors():
                change = verb(**parameters)
                if yes and not dry_run:
                    _print(change.act(), human, json_)
                    return
                plan = change.plan()
                if plan.get("nothing_to_do") or dry_run or not _asked(plan, human, json_):
                    _print(plan, human, json_)
                    _end_of_plan(plan, dry_run)
                    return
                _print(change.act(), human, json_)

        return located(as_json(yes(dry_run(run))))

    return decorate


def _print(result: Report, human: Callable[[Report], str], json_: bool) -> None:
    click.echo(json_line(result) if json_ else shown(human(result)))


def _asked(plan: Report, human: Callable[[Report], str], json_: bool) -> bool:
    """Show the plan on the terminal, and ask; False where there is no terminal.

    Standard output is left to the result, so that `--json` gives one object all the same.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    click.echo(shown(human(plan)), err=True)
    if not click.confirm("Do it?", err=True):
        click.echo("Nothing was changed.", err=True)
        sys.exit(1)
    return True


def _end_of_plan(plan: Report, dry_run: bool) -> None:
    if plan.get("nothing_to_do"):
        return
    click.echo("Nothing was changed: --yes does it.", err=True)
    if not dry_run:
        sys.exit(2)


class _Shown(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def log_to_stderr() -> None:
    """What long work says of itself; results alone go to standard output."""
    logger = logging.getLogger("almanac")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_Shown("%(asctime)s %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False


class one_line_errors:
    """Errors of this block end the process with one line and an exit code."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, AlmanacError):
            said = advice(error) if isinstance(error, ExtraMissing) else error
            click.echo(shown(f"almanac: {said}"), err=True)
            sys.exit(2 if isinstance(error, ConfigError) else 1)


def given_options() -> dict[str, str | None]:
    """`--lakehouse` and `--config` as they were given."""
    given = click.get_current_context().obj
    return {"lakehouse": given.get("lakehouse"), "config": given.get("config")}


def settings(
    *, may_be_new: bool = False, writes: bool = False, absent: str = "no release yet"
) -> Settings:
    """The configuration with what the command line changes in it, its lakehouse looked at.

    Args:
        may_be_new: the verb makes a lakehouse where there is none yet.
        writes: it stores something.
        absent: what there is none of without a lakehouse.

    Raises:
        NoLakehouse: there is none, and the verb makes none; or something else is there.
        StorageUnavailable: it can't be reached, read or written.
    """
    from almanac.core.place import check_lakehouse

    given = given_options()
    overrides = {"lakehouse": given["lakehouse"]} if given["lakehouse"] else {}
    found = load_settings(given["config"], **overrides)
    check_lakehouse(found, may_be_new=may_be_new, writes=writes, absent=absent)
    return found


def whoami() -> str:
    """The user of this shell, as what is recorded names who did it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"user {os.getuid()}"

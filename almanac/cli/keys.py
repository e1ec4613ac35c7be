"""`almanac keys`: who may ask the server."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from almanac.cli.options import Report, reports, settings


def _row(report: Report) -> str:
    groups = f", groups {', '.join(report['groups'])}" if report["groups"] else ""
    state = f", revoked {report['revoked_at']}" if report["revoked_at"] else ""
    return f"{report['key_id']}  {report['user']}{groups}: {', '.join(report['roles'])}{state}"


def _created(report: Report) -> str:
    return f"{_row(report)}\n\n  {report['key']}\n\nIt is shown this once: give it to its user now."


def _listing(report: Report) -> str:
    return "\n".join(_row(row) for row in report["keys"]) or "No keys: `almanac keys create`."


@click.group()
def keys() -> None:
    """API keys for `almanac serve`: users, their groups and roles."""


@keys.command()
@click.option("--user", required=True, metavar="NAME", help="Whom the key stands for.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Of the user; repeatable.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    default=("ask",),
    show_default=True,
    type=click.Choice(["ask", "read_logs", "operate"]),
    help="What the key may do; repeatable.",
)
@reports(_created)
def create(user: str, groups: tuple[str, ...], roles: tuple[str, ...]) -> Report:
    """Make a key and print it, once; only its hash is kept."""
    from almanac.serving.keys import Keys

    key, secret = Keys.of(settings()).create(user, groups, roles)
    return _public(asdict(key)) | {"key": secret}


@keys.command("list")
@reports(_listing)
def list_() -> Report:
    """Every key that was made, without the keys themselves."""
    from almanac.serving.keys import Keys

    return {"keys": [_public(asdict(key)) for key in Keys.of(settings()).all()]}


@keys.command()
@click.argument("key_id", metavar="ID")
@reports(_row)
def revoke(key_id: str) -> Report:
    """Take the rights of a key away; servers refuse it from then on."""
    from almanac.serving.keys import Keys

    return _public(asdict(Keys.of(settings()).revoke(key_id)))


def _public(row: Report) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "sha256"}


VERBS = (keys,)

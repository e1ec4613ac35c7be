"""The verb that tries whether alarms reach somebody."""

from __future__ import annotations

import click

from almanac.cli.options import Report, given_options, reports
from schemas.settings import settings_for
from schemas.words import count

NOBODY = (
    "Alarms reach nobody: set ALMANAC_ALARMS__ADDRESS to a webhook or an Apprise address, then try "
    "`almanac alarms test`."
)


def _said(report: Report) -> str:
    return f"A test message was taken by {count(report['addresses'], 'address')}."


@click.group()
def alarms() -> None:
    """Who is told when a night fails, is late or never comes."""


@alarms.command("test")
@reports(_said)
def test() -> Report:
    """Send a message to every address of alarms.address; exit code 1 where one refuses it."""
    from almanac.supervisor.notify import send_test

    given = given_options()
    return send_test(settings_for(given["config"], given["lakehouse"]).alarms.address)


VERBS = (alarms,)

"""`almanac up`: from a checkout to a Prefect server with every flow, in one command."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from almanac.cli.alarms import NOBODY
from almanac.cli.options import as_json, given_options, located, one_line_errors
from schemas.settings import DEFAULT_FILE, ENV_FILE, settings_for


@click.command()
@click.option("--host", help="Listen there instead of server.host.")
@click.option("--port", type=click.IntRange(1, 65535), help="Listen there instead of server.port.")
@click.option("--no-worker", is_flag=True, help="Workers run elsewhere; start none here.")
@located
@as_json
def up(host: str | None, port: int | None, no_worker: bool, json_: bool) -> None:
    """Run the Prefect UI with every flow, schedule and alarm; Ctrl-C ends it.

    Starts a Prefect server, the work pool `local`, a worker, and deploys all that prefect.yaml
    says. Both processes are started again when they die. Runs that lost their process while
    nothing ran here are marked as crashed, and so started again.

    The server's database and logs (server.log, worker.log, deploy.log, up.log) are in the folder
    server.home. Started twice, the second one says where the first answers and ends. A port that
    nobody asked for is left to the program that has it, and the next free one is taken.

    The environment may name another database (PREFECT_SERVER_DATABASE_CONNECTION_URL) and a
    password (PREFECT_SERVER_API_AUTH_STRING=user:password).
    """
    from almanac.core.place import check_lakehouse
    from almanac.supervisor import running
    from almanac.supervisor.deploying import project_root
    from almanac.supervisor.state import AlreadyUp
    from almanac.supervisor.supervisor import UpOptions

    with one_line_errors():
        given = given_options()
        config = _config(given["config"], project_root())
        settings = settings_for(str(config) if config else None, given["lakehouse"])
        check_lakehouse(settings, may_be_new=True)
        options = UpOptions(settings, config, given["lakehouse"], host, port, not no_worker)
        try:
            running.up(options, lambda report: _say(report, json_, settings.alarms.address is None))
        except AlreadyUp as other:
            _say_already(other.state.ui, other.state.api, other.state.ready, json_)


def _config(given: str | None, root: Path) -> Path | None:
    """The file that was named, else the one of this folder, else the project's own."""
    if named := given or os.environ.get(ENV_FILE):
        return Path(named)
    files = (Path(DEFAULT_FILE), root / DEFAULT_FILE)
    return next((file for file in files if file.is_file()), None)


def _say(report: Mapping[str, Any], json_: bool, unheard: bool) -> None:
    if unheard:
        click.echo(NOBODY, err=True)
    text = f"Almanac is up: {report['ui']}\nCtrl-C ends it."
    click.echo(json.dumps({"already": False, **report}) if json_ else text)


def _say_already(ui: str, api: str, ready: bool, json_: bool) -> None:
    if json_:
        click.echo(json.dumps({"already": True, "ui": ui, "api": api, "ready": ready}))
    else:
        text = "Almanac is up already" if ready else "Almanac is starting"
        click.echo(f"{text}: {ui}" if ui else text)


VERBS = (up,)

"""Run a flow from the command line, on the configured Prefect server or an ephemeral one."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from almanac.cli.console import FORMATS, for_people
from almanac.cli.own_server import start_own_server
from schemas.errors import AlmanacError
from schemas.extras import missing_extra

# A first start migrates the server's database: longer than Prefect's own 20 seconds here and there.
_DEFAULTS = {
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    **FORMATS,
}


def run_flow(name: str, **parameters: Any) -> dict[str, Any]:
    """Run `flows/<name>.py:<name>` in this process and return what it returns.

    Raises:
        AlmanacError: what the flow raised, or that no Prefect API can be reached.
    """
    for key, value in _DEFAULTS.items():
        os.environ.setdefault(key, value)
    import prefect
    from prefect.logging.configuration import ensure_logging_setup
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if url is None:
        click.echo("Starting Prefect for this run alone (10 to 20 seconds) …", err=True)
        start_own_server()
    for logger in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(logger).addFilter(_without_known_tracebacks)
    flow = getattr(import_module(f"flows.{name}"), name)
    ensure_logging_setup()  # else it would be when the flow starts
    try:
        with for_people(Path(prefect.__file__).parent):
            result: dict[str, Any] = flow(**parameters)
    except AlmanacError:
        raise
    except ImportError as error:
        raise missing_extra(error) or AlmanacError(_reason(error, url)) from error
    except Exception as error:  # the one boundary: Prefect has logged it with its traceback
        raise AlmanacError(_reason(error, url)) from error
    return result


def _reason(error: Exception, url: str | None) -> str:
    """One line for what nobody foresaw, such as a full disk."""
    if "Failed to reach API" in str(error):
        return (
            f"no Prefect server answers at {url}: start it, or unset PREFECT_API_URL to run alone"
        )
    said = " ".join(str(error).split())[:300] or type(error).__name__
    return f"the run failed, and the last published release keeps answering: {said}"


def _without_known_tracebacks(record: logging.LogRecord) -> bool:
    """Keep the message of an error that was raised on purpose, and spare its traceback."""
    if record.exc_info and isinstance(record.exc_info[1], AlmanacError):
        record.exc_info = None
        record.exc_text = None
    return True

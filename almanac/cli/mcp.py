"""`almanac mcp`: the tools for agents, on standard input and output."""

from __future__ import annotations

import os

import click

from almanac.cli.options import located, log_to_stderr, one_line_errors, settings

KEY = "ALMANAC_KEY"


@click.command()
@located
def mcp() -> None:
    """Give agents search, answers, documents and releases as of any date (MCP, stdio).

    Where keys were made, $ALMANAC_KEY holds the one whose rights the agent has.
    """
    from almanac.serving.mcp_tools import run_stdio
    from almanac.serving.service import Service

    log_to_stderr()
    key = os.environ.pop(KEY, None)  # no setting, so that the configuration does not know it
    with one_line_errors():
        service = Service(settings())
        try:
            service.start()
            run_stdio(service, key)
        finally:
            service.close()


VERBS = (mcp,)

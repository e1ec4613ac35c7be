"""`almanac deploy`: the work pool, all deployments and the automations, on a server elsewhere."""

from __future__ import annotations

import click

from almanac.cli.options import Report, reports, settings


def _said(report: Report) -> str:
    lines = [f"Deployed to {report['api']}, version {report['version']}."]
    if report["made_pools"]:
        lines.append(f"Made the work pool {', '.join(report['made_pools'])}.")
    lines.append(f"{len(report['deployments'])} deployments: {', '.join(report['deployments'])}")
    lines.append(f"{len(report['automations'])} automations")
    return "\n".join(lines)


@click.command()
@click.option(
    "--wait",
    default=180.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds that the server may take to answer.",
)
@reports(_said)
def deploy(wait: float) -> Report:
    """Deploy all flows to the Prefect server at PREFECT_API_URL, which runs elsewhere.

    Makes the work pool where it is missing, all deployments of prefect.yaml, and the automations.
    The same again changes nothing. On one machine `almanac up` does all of it.
    """
    from almanac.supervisor.remote import deploy_all

    return deploy_all(settings(may_be_new=True), wait)


VERBS = (deploy,)

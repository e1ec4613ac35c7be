"""What the automations of Almanac are put together from.

How the server counts is in `prefect.server.events.triggers`. A *proactive* trigger fires where an
expected event stays away for `within`; an event that `after` names too starts its clock anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.automations import (
    Automation,
    DoNothing,
    EventTrigger,
    Posture,
    RunDeployment,
    SendNotification,
)
from prefect.events.actions import ActionTypes

from tasks.events import TAG

PREFIX = "almanac: "  # of the names of all automations that are ours
ID = "prefect.resource.id"
Labels = dict[str, str | list[str]]
FLOW_RUNS: Labels = {ID: "prefect.flow-run.*"}
INDEXES: Labels = {ID: "almanac.index.*"}
OURS: Labels = {ID: f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}


@dataclass(frozen=True)
class Server:
    """What the definitions must know about the server that they are for."""

    ui: str
    deployments: Mapping[str, UUID]  # of Almanac, by "flow/name"
    pools: tuple[str, ...]  # where those run
    block: UUID | None  # where messages go, if anywhere


def automation(
    name: str, description: str, trigger: EventTrigger, actions: Sequence[ActionTypes]
) -> Automation:
    """Where there is nobody to tell it does nothing; Prefect's event feed shows that it fired."""
    return Automation(
        name=PREFIX + name,
        description=description,
        tags=[TAG],
        trigger=trigger,
        actions=list(actions) or [DoNothing()],
    )


def tell(
    server: Server, subject: str, what: str, link: str, next_step: str
) -> list[SendNotification]:
    """A message of what happened, where to look and what to do; none without an address."""
    if server.block is None:
        return []
    body = f"{what}.\n\n{link}\n\nWhat to do: {next_step}"
    subject = f"Almanac: {subject}"
    return [SendNotification(block_document_id=server.block, subject=subject, body=body)]


def start(deployment: UUID, parameters: Mapping[str, Any]) -> RunDeployment:
    """Start a run of it; values may be templates over the event."""
    return RunDeployment(
        source="selected",
        deployment_id=deployment,
        parameters=dict(parameters),
        job_variables=None,
    )


def unless(
    expect: set[str],
    within: timedelta,
    after: set[str],
    match: Labels = FLOW_RUNS,
    related: Sequence[Labels] = (),
    each: bool = True,
) -> EventTrigger:
    """Where after one event none of the expected ones follows in time.

    Args:
        expect: The events that all is well with.
        within: How long they may take, 10 seconds at least.
        after: The events that start the clock.
        match: What the events are about.
        related: What they must be related to.
        each: Each thing that the events are about has a clock of its own.
    """
    return EventTrigger(
        match=match,
        match_related=list(related),
        for_each={ID} if each else set(),
        posture=Posture.Proactive,
        after=after,
        expect=expect,
        within=within,
    )


def runs_that(states: Iterable[str], *related: Labels) -> EventTrigger:
    """As soon as a run of Almanac enters one of these states."""
    return EventTrigger(
        match=FLOW_RUNS,
        match_related=[OURS, *related],
        for_each={ID},
        expect=events(*states),
    )


def raised(event: str) -> EventTrigger:
    """As soon as Almanac raises an event about an index."""
    return EventTrigger(match=INDEXES, for_each={ID}, expect={event})


def events(*names: str) -> set[str]:
    """Of flow runs: an event is called after the state that a run enters."""
    return {f"prefect.flow-run.{name}" for name in names}


def of_flow(name: str) -> Labels:
    """Runs of that flow; with a leading `!`, of any other."""
    return {"prefect.resource.role": "flow", "prefect.resource.name": name}


def run_page(server: Server) -> str:
    """Where the run that an event is about is shown."""
    return f"{server.ui}/runs/flow-run/{{{{ flow_run.id }}}}"

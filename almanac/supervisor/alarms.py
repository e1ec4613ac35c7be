"""The automations that Almanac wants: what is watched, what is done about it, and what is said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from prefect.automations import Automation, ChangeFlowRunState
from prefect.client.schemas.objects import StateType

from almanac.supervisor.automation_builders import (
    ID,
    OURS,
    PREFIX,
    Server,
    automation,
    events,
    of_flow,
    raised,
    run_page,
    runs_that,
    start,
    tell,
    unless,
)
from schemas.settings import Settings
from tasks.events import QUARANTINE_HIGH, RESTS

NIGHTLY = "nightly"
RESCUE = "rescue/rescue"
START_AGAIN = PREFIX + "start a crashed run again"
_BAD = ("Failed", "TimedOut", "Crashed")
_ENDS = ("Completed", "Failed", "TimedOut", "Crashed", "Cancelled")
_WAITS = ("Suspended", "Paused")  # a run that waits for a person gives no sign of life
_POOL_RETURNS = timedelta(seconds=60)  # a worker that is only restarted comes back in less
_RUN = "Run {{ flow_run.name }}, due at {{ flow_run.expected_start_time }}"
_SAID = "{{ flow_run.state.name }}: {{ flow_run.state.message }}"


def automations(
    settings: Settings, server: Server, drift: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> list[Automation]:
    """All automations, as data. One whose deployment is not there is left out.

    Args:
        settings: `[alarms]` decides over times and addresses.
        server: The server that they are for.
        drift: By event, the deployment that mends it and its parameters.
    """
    made = [
        _nightly_failed(server),
        _flow_failed(server),
        _nightly_late(settings, server),
        _nightly_silent(settings, server),
        _lifeless(settings),
        _quarantine_high(settings, server),
    ]
    if server.pools:
        made.append(_worker_gone(server))
    if RESCUE in server.deployments:
        made.append(_start_again(server.deployments[RESCUE]))
    made += [
        _drifted(server, event, *reaction)
        for event, reaction in sorted(drift.items())
        if reaction[0] in server.deployments
    ]
    return made


def _nightly_failed(server: Server) -> Automation:
    return automation(
        "nightly failed",
        "A nightly run failed or crashed. Readers go on with the release before it. A crashed run "
        "is started again once by itself; a failed one waits for a person.",
        runs_that(_BAD, of_flow(NIGHTLY)),
        tell(
            server,
            "nightly failed",
            f"{_RUN}, ended as {_SAID}",
            run_page(server),
            "Readers go on with the last release, so nothing burns. Open the run: its log ends "
            "with the reason and the next step. If it crashed, Almanac starts it again once, by "
            "itself: look for a run with the tag `again`.",
        ),
    )


def _flow_failed(server: Server) -> Automation:
    return automation(
        "a flow failed",
        "A run of any other flow of Almanac (restore, retention, feedback, tune, …) failed or "
        "crashed. Readers go on with the release that answers now.",
        runs_that(_BAD, of_flow(f"!{NIGHTLY}")),
        tell(
            server,
            "{{ flow.name }} failed",
            f"{_RUN}, ended as {_SAID}",
            run_page(server),
            "Open the run: its Artifacts tab says what to do. If it crashed, Almanac starts it "
            "again once, unless it has the tag `once` (promote): then see first how far it came.",
        ),
    )


def _nightly_late(settings: Settings, server: Server) -> Automation:
    minutes = settings.alarms.late_minutes
    return automation(
        "nightly is late",
        f"A nightly run was due and has not begun after {minutes:g} minutes (alarms.late_minutes)."
        " As a rule no worker is there to take it.",
        unless(
            events("Running", "AwaitingConcurrencySlot", *_ENDS),
            timedelta(minutes=minutes),
            after=events("Late", "Pending"),
            related=[OURS, of_flow(NIGHTLY)],
        ),
        tell(
            server,
            "nightly is late",
            f"{_RUN}, has not begun {minutes:g} minutes after it was due",
            run_page(server),
            "Look at Work Pools: is a worker online? `almanac up` starts server and worker. A late "
            "run begins by itself as soon as a worker is there.",
        ),
    )


def _nightly_silent(settings: Settings, server: Server) -> Automation:
    hours = settings.alarms.silent_hours
    return automation(
        "no nightly completed",
        f"No nightly run has completed for {hours:g} hours (alarms.silent_hours), for whatever "
        "reason: none was scheduled, the schedule is paused, or all of them failed.",
        unless(
            events("Completed"),
            timedelta(hours=hours),
            after=events("Completed"),
            related=[OURS, of_flow(NIGHTLY)],
            each=False,
        ),
        tell(
            server,
            "no nightly completed",
            f"No nightly run has completed for {hours:g} hours: answers grow old",
            f"{server.ui}/deployments",
            "Open the deployment nightly: is its schedule active, and what became of its last "
            "runs? Run it by hand once the reason is mended.",
        ),
    )


def _worker_gone(server: Server) -> Automation:
    return automation(
        "worker gone",
        "A work pool lost its last worker and none came back within a minute. Prefect gives a "
        "worker up after three missed heartbeats (90 to 105 seconds). Nothing runs in that pool.",
        unless(
            {"prefect.work-pool.ready"},
            _POOL_RETURNS,
            after={"prefect.work-pool.not-ready"},
            match={ID: "prefect.work-pool.*", "prefect.resource.name": list(server.pools)},
        ),
        tell(
            server,
            "worker gone",
            "The work pool {{ work_pool.name }} has had no worker for more than two minutes",
            f"{server.ui}/work-pools",
            "Start one: `almanac up`, or on its own machine `prefect worker start --pool "
            "{{ work_pool.name }}`. Runs that are due wait for it; runs that died with it end as "
            "crashed and are started again once.",
        ),
    )


def _lifeless(settings: Settings) -> Automation:
    """It only changes the state: that event then tells people and starts the run again."""
    beat = settings.alarms.heartbeat_seconds
    return automation(
        "run without a sign of life",
        f"A run sends a sign of life every {beat} seconds. After three missed ones it ends as "
        "crashed, so that it holds no place any more. A run that waits for a person is left alone.",
        unless(
            events("heartbeat", *_ENDS, *_WAITS) | {RESTS},
            timedelta(seconds=3 * beat),
            after=events("heartbeat"),
            related=[OURS],
        ),
        [
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name=None,
                message=f"No sign of life for {3 * beat} seconds: its process or machine is gone.",
                force=False,
            )
        ],
    )


def _start_again(rescue: UUID) -> Automation:
    return automation(
        START_AGAIN.removeprefix(PREFIX),
        "A run that crashed is started again once, with the same parameters and for the same time. "
        "What a person cancelled, what crashed a second time, and what has the tag `once` stay as "
        "they are.",
        runs_that(("Crashed",)),
        # Said in full, because Prefect makes JSON of a bare template, and knows none for an id.
        [start(rescue, {"run_id": {"__prefect_kind": "jinja", "template": "{{ flow_run.id }}"}})],
    )


def _quarantine_high(settings: Settings, server: Server) -> Automation:
    limit = f"{settings.alarms.max_quarantine_share:.1%}"
    return automation(
        "quarantine high",
        f"A nightly run rejected documents anew, and more than {limit} of all documents "
        "(alarms.max_quarantine_share) now stand in quarantine.",
        raised(QUARANTINE_HIGH),
        tell(
            server,
            "quarantine high",
            "{{ event.payload.rejected }} of {{ event.payload.documents }} documents are in "
            f"quarantine, more than {limit}; {{{{ event.payload.new }}}} rows are new",
            f"{server.ui}/runs/flow-run/{{{{ event.payload.run }}}}",
            "The run's report says which rule rejected them. Their last good versions go on "
            "answering. Mend the source, then `almanac quarantine retry`.",
        ),
    )


def _drifted(
    server: Server, event: str, deployment: str, parameters: Mapping[str, Any]
) -> Automation:
    what = event.rpartition(".")[2]
    return automation(
        f"drift in {what}",
        f"The {what} have moved away from what they were. `{deployment}` is started; the flow "
        "`watch` raises this again only after drift.cooldown_days.",
        raised(event),
        [
            start(server.deployments[deployment], parameters),
            *tell(
                server,
                f"drift in {what}",
                f"The {what} of {{{{ event.resource.id }}}} have drifted",
                f"{server.ui}/deployments",
                f"`{deployment}` was started to mend it. The report of the flow `watch` says what "
                "moved, and by how much.",
            ),
        ],
    )

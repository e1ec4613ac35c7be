"""Steps of versions: each one a row with who, why and when, under the lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from almanac.assistants import versions
from almanac.assistants.configured import BY_CONFIGURATION
from almanac.assistants.spec import spec_of
from almanac.assistants.standing import NEXT, as_steps, production, stages_of
from almanac.core import stages
from almanac.core.operation import Operation, operation
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.assistants import Gate, StageStep, StoredVersion
from schemas.errors import AssistantRefused, ReleaseNotFound
from schemas.settings import Settings

STAGES = ("dev", "staging", "production", "archived", "rejected")
_GATE = "almanac assistant gate"


def stage(
    settings: Settings,
    wanted: str,
    to: str,
    actor: str,
    reason: str = "",
    without_gate: bool = False,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Move a version: one step on, or out of the way (archived, rejected).

    Args:
        settings: the configuration.
        wanted: the version, as `versions.find` takes it.
        to: the stage.
        actor: who takes the step.
        reason: why, in their words.
        without_gate: into production although no gate passed; that needs a reason.
        run_id: of the flow.

    Raises:
        AssistantRefused: it may not go there, or no gate passed against what answers now.
        LeaseHeld: another writer is at work.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    version = versions.find(lake, settings, wanted)
    current = versions.answering(lake, settings, version.assistant)
    with operation(settings, f"stage of version {version.short}", run_id) as (run, _):
        was = stages_of(run.lake, version.assistant)[version.version]
        _check_step(version, was, to)
        steps = [_step(run, version, to, actor, reason)]
        if to == "production":
            if not without_gate:
                _check_gate(run.lake, version, current)
            elif not reason.strip():
                raise AssistantRefused("--without-gate needs a --reason: it is kept")
            steps = _into_production(run, steps[0], version, current, actor)
        return _told(run, version.assistant, version, was, steps)


def rollback(
    settings: Settings,
    assistant: str,
    actor: str,
    reason: str = "",
    follow: bool = False,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Take the last promotion back: the version before returns, frozen at the release it had.

    Args:
        settings: the configuration.
        assistant: its name.
        actor: who takes the step.
        reason: why.
        follow: bring back the version as it was made, which goes on with new releases.
        run_id: of the flow.

    Raises:
        AssistantRefused: none is in production, there was none before, or the release it had is
            not open any more.
        LeaseHeld: another writer is at work.
    """
    with operation(settings, f"rollback of {assistant}", run_id) as (run, _):
        there = production(run.lake).get(assistant)
        if there is None:
            raise AssistantRefused(
                f"no version of {assistant} is in production: there is nothing to undo"
            )
        current = run.lake.assistant_versions.find(there)
        taken = run.lake.assistant_stages.steps(assistant)
        before = stages.before_production(as_steps(taken), assistant)
        if before is None:
            raise AssistantRefused(
                f"no version of {assistant} was in production before: `almanac assistant stage "
                f"{current.short} archived` lets the configuration answer"
            )
        back = run.lake.assistant_versions.find(before)
        if not follow:
            had = [one.resolved for one in taken if one.version == before and one.resolved]
            back = _frozen(run.lake, settings, back, actor, had[-1] if had else None)
        steps = [
            _step(run, current, "staging", actor, reason),
            _step(run, back, "production", actor, reason),
        ]
        return _told(run, assistant, back, "archived", steps)


def _frozen(
    lake: Lakehouse,
    settings: Settings,
    version: StoredVersion,
    actor: str,
    had: Mapping[str, Any] | None,
) -> StoredVersion:
    frozen = versions.freeze(lake, settings, version, actor, had)
    spec = spec_of(frozen.spec)
    release = lake.releases(spec.index).as_of(int(spec.release))
    if release.tier != "hot":
        raise AssistantRefused(
            f"version {version.short} answered from release {release.seq}, which is "
            f"{release.tier}: `almanac restore --as-of {release.seq} --mode reopen` opens it, or "
            "`--follow` brings the version back on the latest release"
        )
    return frozen


def _check_step(version: StoredVersion, was: str, to: str) -> None:
    if to not in STAGES:
        raise AssistantRefused(f"there is no stage {to!r}, only: {', '.join(STAGES)}")
    if was == to:
        raise AssistantRefused(f"version {version.short} is in {to} already")
    if to in ("archived", "rejected"):
        if to == "rejected" and was == "production":
            raise AssistantRefused(
                f"version {version.short} is in production: `almanac assistant rollback "
                f"{version.assistant}` comes first"
            )
        return
    if NEXT.get(was) != to:
        following = NEXT.get(was)
        hint = f"its next step is {following}" if following else "a rollback comes first"
        raise AssistantRefused(f"version {version.short} is in {was}: {hint}")


def _check_gate(lake: Lakehouse, version: StoredVersion, current: StoredVersion | None) -> None:
    """Into production only past the version that answers now, where there is another one."""
    if current is None or current.version == version.version:
        return
    held = [one for one in lake.assistant_gates.all(version.version)]
    against = [one for one in held if one.current == current.version]
    if against and against[-1].passed:
        return
    raise AssistantRefused(
        f"{_why_not(version, current, held, against)}: `{_GATE} {version.short}`, or "
        "`--without-gate --reason TEXT`"
    )


def _why_not(
    version: StoredVersion, current: StoredVersion, held: Sequence[Gate], against: Sequence[Gate]
) -> str:
    if against:
        return f"the gate did not pass version {version.short}"
    if held:
        return (
            f"version {version.short} was held against {held[-1].current[:12]}, and "
            f"{current.short} answers now"
        )
    return f"no gate held version {version.short} against {current.short}, which answers now"


def _into_production(
    run: Operation,
    step: StageStep,
    version: StoredVersion,
    current: StoredVersion | None,
    actor: str,
) -> list[StageStep]:
    """The step, and that of the version whose place it takes, with what that one answered from."""
    if current is None or current.version == version.version:
        return [step]
    before = []
    if production(run.lake).get(version.assistant) is None:  # the configuration answered
        said = "answered as configured until then"
        before = [_step(run, current, "production", BY_CONFIGURATION, said)]
    try:
        had = versions.resolved(run.lake, spec_of(current.spec))
    except ReleaseNotFound:
        had = {}
    why = f"{version.short} took its place"
    return [*before, step, _step(run, current, "archived", actor, why, had)]


def _step(
    run: Operation,
    version: StoredVersion,
    to: str,
    actor: str,
    reason: str,
    had: Mapping[str, Any] | None = None,
) -> StageStep:
    return StageStep(
        version.assistant,
        version.version,
        to,
        actor,
        reason,
        run.started_at,
        run.run_id,
        had or {},
    )


def _told(
    run: Operation,
    assistant: str,
    version: StoredVersion,
    was: str,
    steps: Sequence[StageStep],
) -> dict[str, Any]:
    """Take the steps in one commit, and say so in the run's report."""
    run.lake.assistant_stages.append(steps)
    run.report |= {
        "assistant": assistant,
        "version": version.version,
        "was": was,
        "stage": steps[-1].stage if len(steps) == 1 else "production",
        "release": spec_of(version.spec).release,
        "production": production(run.lake).get(assistant),
        "steps": [
            {"version": one.version, "to": one.stage, "actor": one.actor, "reason": one.reason}
            for one in steps
        ],
    }
    return run.report | {"run_id": run.run_id}

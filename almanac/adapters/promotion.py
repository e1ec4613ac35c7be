"""Steps of adapters: each one a row with who, why and when, under the lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from almanac.adapters import files
from almanac.adapters.mlflow_sync import mirror
from almanac.adapters.registry import (
    NEXT,
    OPEN,
    RETRAIN,
    Standing,
    before_production,
    in_stage,
    name_of,
    standings,
)
from almanac.core.operation import Operation, operation
from lakehouse import open_lakehouse
from lakehouse.training import Adapter
from schemas.errors import AdapterRefused
from schemas.settings import Settings

_GATE = "the gate"
_APPROVAL = "approval"  # of a record: the first of two, that waits for the second
_ENDS = {
    "refused": "the gate refused it ({reason}): tune again with more feedback or another recipe",
    "rejected": "{actor} rejected it ({reason}): tune again",
    "archived": "another took its place; `almanac adapters rollback` brings back the one before",
    "production": "it is in production already",
}


def offer(
    settings: Settings,
    adapter_id: str,
    record: Mapping[str, Any],
    trained_on: Sequence[str],
    offered: bool,
    reasons: Sequence[str],
    run_id: str | None = None,
) -> dict[str, Any]:
    """Record what the gate said of a new adapter: a candidate, or refused with its reasons.

    The same adapter may come again, as a tune that is run again brings it: its verdict is
    recorded anew until a person took a step with it, and then left as it is.

    Args:
        settings: the configuration; the index in it gives the name to serve by.
        adapter_id: of the job.
        record: all that made it, JSON values, with `files` as `files.store` returned them.
        trained_on: request ids of its examples, so that an erasure finds it.
        offered: the verdict.
        reasons: of the verdict.
        run_id: of the flow.
    """
    stage = "candidate" if offered else "refused"
    verdict = {"offered": offered, "reasons": list(reasons)}
    said = dict(record) | verdict | {"name": name_of(settings)}
    with operation(settings, f"offer of adapter {adapter_id[:12]}", run_id) as (run, _):
        known = _known(run).get(adapter_id)
        if known and known.stage not in OPEN:
            return _told(run, known, [])
        step = Adapter(
            adapter_id,
            stage,
            tuple(sorted(set(trained_on))),
            said,
            0,
            _GATE,
            "; ".join(reasons),
            run.run_id,
            run.started_at,
        )
        result = _told(run, known, [step])
    return result | mirror(settings, result["name"])


def approve(
    settings: Settings,
    adapter_id: str,
    actor: str,
    reason: str = "",
    to: str | None = None,
    run_id: str | None = None,
) -> dict[str, Any]:
    """One step on: candidate to staging, staging to production (which archives who was there).

    With `tuning.approvers = 2` the first approval is recorded and moves nothing; that of another
    person takes the step.

    Args:
        settings: the configuration.
        adapter_id: the beginning of an id is enough.
        actor: who takes the step.
        reason: why, in their words.
        to: the stage that is meant; the next one unless given. Another one is refused, so that
            the same approval given twice is one step.
        run_id: of the flow.

    Raises:
        AdapterRefused: no reason is given, it may not go on, its files are not whole, someone moved
            it meanwhile, or the same person approves twice where two are needed.
        LeaseHeld: another writer is at work.
    """
    seen = _seen(settings, adapter_id)
    _need_reason(reason, "approve")
    with operation(settings, f"approval of adapter {seen.short}", run_id) as (run, _):
        found = _again(run, seen)
        stage = _next(found, to)
        files.check(run.lake, found.adapter)
        if settings.tuning.approvers > 1 and not _seconded(found, stage, actor):
            first = _step(run, found, found.stage, actor, reason)
            record = {**first.record, _APPROVAL: {"to": stage, "actor": actor}}
            result = _told(run, found, [replace(first, record=record)])
            return result | {"waits_for": f"another person than {actor} to approve {stage}, too"}
        steps = [_step(run, found, stage, actor, reason)]
        there = in_stage(_known(run).values(), "production", found.name)
        if stage == "production" and there:
            why = f"{found.short} took its place"
            steps.append(_step(run, there, "archived", actor, why))
        result = _told(run, found, steps)
    return result | mirror(settings, result["name"])


def reject(
    settings: Settings, adapter_id: str, actor: str, reason: str = "", run_id: str | None = None
) -> dict[str, Any]:
    """Say no to a candidate or to one in staging, for good; arguments and errors as `approve`."""
    seen = _seen(settings, adapter_id)
    _need_reason(reason, "reject")
    with operation(settings, f"rejection of adapter {seen.short}", run_id) as (run, _):
        found = _again(run, seen)
        if found.stage == "production":
            raise AdapterRefused(
                f"adapter {found.short} is in production: `almanac adapters rollback` comes first"
            )
        if found.stage not in NEXT:
            raise AdapterRefused(f"adapter {found.short} is {found.stage} already")
        result = _told(run, found, [_step(run, found, "rejected", actor, reason)])
    return result | mirror(settings, result["name"])


def rollback(
    settings: Settings,
    actor: str,
    reason: str = "",
    to_base: bool = False,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Take the last promotion back: the one in production goes to staging, the one before returns.

    Args:
        settings: the configuration; its index says whose production is meant.
        actor: who takes the step.
        reason: why.
        to_base: to no adapter at all: the base model answers alone.
        run_id: of the flow.

    Raises:
        AdapterRefused: none is in production, there was none before, its files are not whole, or
            data it was trained on was erased.
        LeaseHeld: another writer is at work.
    """
    name = name_of(settings)
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    seen = in_stage(standings(lake.adapters.steps()), "production", name)
    if not seen:
        raise AdapterRefused(f"no adapter of {name} is in production: there is nothing to undo")
    with operation(settings, f"rollback of {name}", run_id) as (run, _):
        found = _again(run, seen)
        steps = [_step(run, found, "staging", actor, reason)]
        if not to_base:
            steps.append(_step(run, _before(run, name), "production", actor, reason))
        result = _told(run, found, steps)
    return result | mirror(settings, result["name"])


def _need_reason(reason: str, step: str) -> None:
    if not reason.strip():
        raise AdapterRefused(f"say why you {step} it (--reason): it stays in the audit")


def _seconded(found: Standing, stage: str, actor: str) -> bool:
    """Did another person approve the same step?"""
    first = found.adapter.record.get(_APPROVAL)
    if not first or first["to"] != stage:
        return False
    if first["actor"].strip().casefold() == actor.strip().casefold():
        raise AdapterRefused(
            f"{actor} approved adapter {found.short} already: a second person must "
            "(tuning.approvers)"
        )
    return True


def _before(run: Operation, name: str) -> Standing:
    before = before_production(run.lake.adapters.steps(), name)
    base = "`almanac adapters rollback --base` goes back to the base model alone"
    if before is None:
        raise AdapterRefused(f"no adapter of {name} was in production before: {base}")
    found = _known(run)[before]
    if found.retrain:
        raise AdapterRefused(
            f"adapter {found.short}, which was there before, was trained on erased data: {base}"
        )
    files.check(run.lake, found.adapter)
    return found


def _next(found: Standing, to: str | None) -> str:
    if found.retrain:
        raise AdapterRefused(
            f"adapter {found.short} was trained on data that was erased since and goes no further: "
            "`almanac dataset build` and a new tune make another without it"
        )
    stage = NEXT.get(found.stage)
    if stage is None:
        last = found.adapter
        why = _ENDS[found.stage].format(reason=last.reason or "no reason given", actor=last.actor)
        raise AdapterRefused(f"adapter {found.short} is {found.stage}: {why}")
    if to not in (None, stage):
        raise AdapterRefused(f"adapter {found.short} is {found.stage}: its next step is {stage}")
    return stage


def _known(run: Operation) -> dict[str, Standing]:
    return {one.adapter.adapter_id: one for one in standings(run.lake.adapters.steps())}


def _seen(settings: Settings, adapter_id: str) -> Standing:
    if not adapter_id:
        raise AdapterRefused("say which adapter: `almanac adapters list` has them all")
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    found = lake.adapters.find(adapter_id)
    return standings(lake.adapters.steps(found.adapter_id))[0]


def _again(run: Operation, seen: Standing) -> Standing:
    """The same adapter, now that nobody else can move it."""
    found = _known(run)[seen.adapter.adapter_id]
    if found.adapter.ordinal != seen.adapter.ordinal:
        by = "an erasure" if found.adapter.status == RETRAIN else found.adapter.actor
        raise AdapterRefused(
            f"adapter {found.short} was moved meanwhile, to {found.adapter.status} by {by}: "
            "look at it again"
        )
    return found


def _step(run: Operation, found: Standing, stage: str, actor: str, reason: str) -> Adapter:
    record = {key: value for key, value in found.adapter.record.items() if key != _APPROVAL}
    stamp = replace(found.adapter, run_id=run.run_id, at=run.started_at, record=record)
    return replace(stamp, status=stage, actor=actor, reason=reason)


def _told(run: Operation, found: Standing | None, steps: Sequence[Adapter]) -> dict[str, Any]:
    """Take the steps in one commit, and say so in the run's report."""
    run.lake.adapters.append(steps)
    adapter_id = found.adapter.adapter_id if found else steps[0].adapter_id
    now = _known(run)
    name = now[adapter_id].name
    there = in_stage(now.values(), "production", name)
    run.report |= {
        "adapter": adapter_id,
        "name": name,
        "was": found.stage if found else None,
        "stage": now[adapter_id].stage,
        "production": there.adapter.adapter_id if there else None,
        "steps": [
            {"adapter": one.adapter_id, "to": one.status, "actor": one.actor, "reason": one.reason}
            for one in steps
        ],
    }
    return run.report | {"run_id": run.run_id}

"""Forget a document or a user on purpose: out of every release, table, index and log.

An erasure is planned first, and the plan is stored before anything is deleted. From then on it is
carried out to its end: by the same command, by the next writer, or by `almanac doctor --heal`,
whatever point it was killed at. The plan holds the ids, and goes last.
"""

from __future__ import annotations

import logging
from typing import Any

from almanac.core.operation import Operation, operation
from almanac.feedback.drain import bring_in, drain_all
from almanac.releases.erasure_execution import execute
from almanac.releases.erasure_planning import Subject, plan_erasure, preview, subject_names
from lakehouse import Lakehouse
from lakehouse.erasure_plan import Plan
from schemas.errors import AlmanacError
from schemas.settings import Settings

_log = logging.getLogger("almanac.erase")


def erase(
    settings: Settings, subject: Subject, *, dry_run: bool = False, run_id: str | None = None
) -> dict[str, Any]:
    """Erase, and return the receipt. An erasure that was killed is finished first.

    Raises:
        ConfigError: several sources have the document and none was named.
        AlmanacError: there is nothing of it.
    """
    if dry_run:
        bring_in(settings)
        run = Operation(settings, "erase", run_id)
        return preview(run, subject) | {"dry_run": True, "seconds": run.seconds}
    drain_all(settings)  # what was logged a moment ago is erased with the rest
    with operation(settings, "erase", run_id) as (run, _):
        receipt = _finished_now(run, subject)
        if receipt is None:
            plan = plan_erasure(run, subject)
            run.lake.erasures.keep_plan(plan.to_json())
            receipt = execute(settings, run.lake, plan, run.run_id)
        run.report = {"receipt": receipt["receipt"], "touched": receipt["touched"]}
        return receipt | {"dry_run": False, "seconds": run.seconds}


def finish_erasure(settings: Settings, lake: Lakehouse, run_id: str) -> dict[str, Any] | None:
    """Carry out to its end an erasure that was killed; its receipt, None where there is none.

    Under the lease. Nothing may be published, moved or cleared before.

    Raises:
        RunRefused: a version that stored no plans began one; only the same command can finish it.
    """
    stored = lake.erasures.plan()
    if stored is None:
        lake.erasures.forget_plan()  # what was killed while it was written: nothing was begun
        lake.erasures.check_finished()
        return None
    _log.warning("finishing the erasure of %s, which was killed", stored["at"])
    return execute(settings, lake, Plan.from_json(stored), run_id)


def allow(settings: Settings, subject: Subject, *, dry_run: bool = False) -> dict[str, Any]:
    """Let what an erasure took come back; `almanac quarantine retry` then reads it again.

    Raises:
        AlmanacError: nothing of the kind was erased, or it is allowed again already.
    """
    if dry_run:
        run = Operation(settings, "allow after erasure", None)
        return {"allowed": len(_receipts(run, subject)), "dry_run": True, "seconds": run.seconds}
    with operation(settings, "allow after erasure") as (run, _):
        receipts = _receipts(run, subject)
        count = sum(run.lake.erasures.allow(receipt, run.started_at) for receipt in receipts)
        return {"allowed": count, "dry_run": False, "seconds": run.seconds}


def _receipts(run: Operation, subject: Subject) -> list[str]:
    """The numbers of the erasures that took a subject."""
    log = run.lake.erasures
    if subject.receipt is not None:
        known = {receipt for receipt in log.standing() if receipt.startswith(subject.receipt)}
    else:
        known = {
            one.receipt for name in subject_names(run, subject) if (one := log.erased().find(name))
        }
    if len(known) != 1:
        several = "several erasures have a number that begins so"
        nothing = "it was never erased, or is allowed again already"
        raise AlmanacError(several if known else nothing)
    return sorted(known)


def _finished_now(run: Operation, subject: Subject) -> dict[str, Any] | None:
    """Finish an erasure that was killed; its receipt, if it was one of the same subject."""
    stored = run.lake.erasures.plan()
    if stored is None:
        return None
    receipt = finish_erasure(run.settings, run.lake, run.run_id)
    same = set(Plan.from_json(stored).subjects) & set(subject_names(run, subject))
    return receipt if same else None

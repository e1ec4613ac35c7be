"""From feedback to an adapter as Prefect tasks, each with its page in the UI."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event
from prefect.input import RunInput
from pydantic import Field

from almanac.adapters import promotion
from almanac.dataset.build import build
from almanac.feedback import pages as feedback_pages
from almanac.feedback.importing import import_feedback
from almanac.training import jobs
from almanac.training.jobs import Job
from almanac.training.tokens import token_counter
from almanac.triage import pages as triage_pages
from almanac.triage.run import triage
from almanac.tuning import tune
from almanac.tuning.due import due
from lakehouse import open_lakehouse
from lakehouse.training import Adapter
from schemas.errors import ConfigError
from schemas.examples import Method
from schemas.settings import Settings
from tasks import artifacts

_PROGRESS_FROM = 100  # dislikes; fewer take seconds
DUE = "almanac.feedback.tune-due"  # the event that starts a tune; prefect.yaml names it too


class Approval(RunInput):
    """What a person decides about an adapter that passed."""

    decision: Literal["approve", "reject"] = Field(
        description="approve moves it to staging; reject ends it."
    )
    who: str = Field(min_length=1, description="Your name; it stays with the step.")
    reason: str = Field(default="", description="It stays with the step.")


@task(name="import-feedback", cache_policy=NO_CACHE)
def take_feedback(
    settings: Settings, log: str | None, votes: str | None, run_id: str | None
) -> dict[str, Any] | None:
    """See `almanac.feedback.importing`; None where no log is named or configured."""
    log, votes = log or settings.feedback.log, votes or settings.feedback.votes
    if not log and not votes:
        get_run_logger().info("No log is configured: what the application logged itself is there")
        return None
    taken = import_feedback(settings, log, votes, run_id)
    artifacts.page("feedback-report", feedback_pages.import_page(taken), "Feedback")
    return taken


@task(name="triage", cache_policy=NO_CACHE)
def triage_dislikes(
    settings: Settings,
    start: datetime | None,
    end: datetime | None,
    everything: bool,
    run_id: str | None,
) -> dict[str, Any]:
    """See `almanac.triage.run`."""
    progress = artifacts.progress("triage-progress", "dislikes looked into", _PROGRESS_FROM)
    found = triage(settings, start, end, run_id, everything, progress)
    artifacts.page("triage-report", triage_pages.triage_page(found), "Why disliked answers failed")
    artifacts.table(
        "triage-work-list", found["work"], "What to mend, by document", "almanac triage list"
    )
    return found


@task(name="announce-if-due", cache_policy=NO_CACHE)
def announce_if_due(settings: Settings, now: datetime) -> dict[str, Any]:
    """Raise the event that starts a tune where enough is new and the last one rested."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    found = due(lake, settings.tuning, now)
    get_run_logger().info(found.reason)
    if found.ready:
        resource = {"prefect.resource.id": f"almanac.index.{settings.index.name}"}
        payload = {"faults": found.faults, "needed": found.needed}
        emit_event(event=DUE, resource=resource, payload=payload)
    return {"due": found.ready, "faults": found.faults, "reason": found.reason}


def is_due(settings: Settings, now: datetime) -> bool:
    """See `almanac.tuning.due`."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    found = due(lake, settings.tuning, now)
    get_run_logger().info(found.reason)
    return found.ready


@task(name="build-dataset", cache_policy=NO_CACHE)
def build_dataset(
    settings: Settings, start: datetime | None, end: datetime | None, run_id: str | None
) -> str:
    """See `almanac.dataset.build`; the dataset's hash."""
    built = build(settings, start, end, run_id, token_counter(settings.tuning))
    artifacts.page("dataset-card", built["card"], "Training data")
    return str(built["dataset"])


@task(name="prepare-job", cache_policy=NO_CACHE)
def prepare_job(
    settings: Settings, dataset: str, method: Method, recipe: str | None, limits: dict[str, Any]
) -> Job:
    """See `almanac.tuning.tune.prepare`."""
    job = tune.prepare(settings, dataset, method, recipe, limits)
    get_run_logger().info(f"Adapter {job.adapter_id}: {method} on dataset {dataset[:12]}")
    return job


@task(name="train", cache_policy=NO_CACHE)
def train(job: Job) -> dict[str, Any]:
    """Train in a process of its own; the loss as it falls, in the log and as a picture."""
    logger = get_run_logger()
    advance = artifacts.progress("training", "steps trained")

    def seen(line: Mapping[str, Any]) -> None:
        advance(line["step"], line["of"])
        losses = [f"{name} {line[name]:.4f}" for name in ("loss", "eval_loss") if line.get(name)]
        logger.info(f"Step {line['step']} of {line['of']}: {', '.join(losses)}")

    metrics = jobs.run(job, seen)
    with artifacts.best_effort("The loss curve"):
        artifacts.picture("loss-curve", tune.loss_picture(job), "Loss by step")
    return metrics


@task(name="evaluate", cache_policy=NO_CACHE)
def evaluate(settings: Settings, job: Job) -> tune.Judged:
    """Ask base and adapter the same questions, and hold one against the other."""
    advance = artifacts.progress("evaluation", "answers compared")
    judged = tune.judge(settings, job, lambda line: advance(line["done"], line["of"]))
    for reason in judged.verdict.reasons:
        get_run_logger().info(reason)
    return judged


@task(name="offer", cache_policy=NO_CACHE)
def offer(settings: Settings, job: Job, judged: tune.Judged, run_id: str | None) -> Adapter:
    """Store the adapter with all that made it; a candidate only if it passed."""
    adapter = tune.offer(settings, job, judged, run_id)
    with artifacts.best_effort("The report"):  # the adapter is stored
        report = tune.report(settings, job, judged)
        artifacts.page("tune-report", report, f"Adapter {adapter.adapter_id}")
    return adapter


@task(name="decide", cache_policy=NO_CACHE)
def decide(
    settings: Settings, adapter_id: str, answer: Approval, run_id: str | None
) -> dict[str, Any]:
    """Take the step that a person chose; one that was taken elsewhere meanwhile is refused."""
    if answer.decision == "reject":
        return _logged(promotion.reject(settings, adapter_id, answer.who, answer.reason, run_id))
    return _logged(
        promotion.approve(settings, adapter_id, answer.who, answer.reason, "staging", run_id)
    )


@task(name="move-adapter", cache_policy=NO_CACHE)
def move(
    settings: Settings,
    step: Literal["approve", "reject", "rollback"],
    adapter_id: str | None,
    actor: str,
    reason: str,
    run_id: str | None,
) -> dict[str, Any]:
    """See `almanac.adapters.promotion`; raises ConfigError where the adapter is not named."""
    if step != "rollback" and not adapter_id:
        raise ConfigError(
            f"to {step}, name the adapter: the begin of its id, as `almanac adapters list` shows it"
        )
    if step == "rollback":
        return _logged(promotion.rollback(settings, actor, reason, run_id=run_id))
    taken = promotion.approve if step == "approve" else promotion.reject
    return _logged(taken(settings, adapter_id or "", actor, reason, run_id=run_id))


def offered_by(settings: Settings, run_id: str | None) -> Adapter | None:
    """The adapter that a run offered before it was resumed."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    offered = [
        step.adapter_id for step in lake.adapters.steps() if run_id and step.run_id == run_id
    ]
    return lake.adapters.find(offered[0]) if offered else None


def with_base(settings: Settings, base: str | None) -> Settings:
    """The settings with another base model."""
    if base is None:
        return settings
    tuning = settings.tuning.model_copy(update={"base": base, "revision": None})
    return settings.model_copy(update={"tuning": tuning})


def summary(adapter: Adapter) -> dict[str, Any]:
    """Where an adapter stands, as a run returns it."""
    names = ("dataset", "method", "recipe", "base", "metrics", "verdict")
    said = {name: adapter.record.get(name) for name in names}
    return {
        "adapter_id": adapter.adapter_id,
        "status": adapter.status,
        "reason": adapter.reason,
    } | said


def question(adapter: Adapter) -> str:
    """What the form above the decision says."""
    reasons = "\n".join(f"- {reason}" for reason in adapter.record["verdict"]["reasons"])
    return (
        f"**Adapter {adapter.adapter_id}** passed the gate. The artifact *tune-report* of this run "
        f"has every figure, with answers side by side.\n\n{reasons}"
    )


def _logged(moved: dict[str, Any]) -> dict[str, Any]:
    get_run_logger().info(f"Adapter {moved['adapter'][:12]}: {moved['was']} -> {moved['stage']}")
    return moved

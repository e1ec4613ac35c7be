"""From a dataset to an adapter on offer as Prefect tasks, each with its page in the UI."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from logging import INFO, WARNING
from typing import Any, Literal

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.input import RunInput
from pydantic import Field

from almanac.adapters import promotion
from almanac.dataset.build import build
from almanac.training import jobs
from almanac.training.jobs import Job
from almanac.training.tokens import base_facts
from almanac.tuning import tune
from almanac.tuning.due import due
from lakehouse import open_lakehouse
from lakehouse.training import Adapter
from schemas.examples import Method
from schemas.settings import Settings
from tasks import artifacts
from tasks.promote import log_move
from tasks.started import started_by


class Approval(RunInput):
    """What a person decides about an adapter that passed."""

    decision: Literal["approve", "reject"] = Field(
        description="approve moves it to staging; reject ends it."
    )
    who: str = Field(min_length=1, description="Your name; it stays with the step.")
    reason: str = Field(min_length=1, description="Why; it stays with the step.")


def is_due(settings: Settings, now: datetime) -> bool:
    """See `almanac.tuning.due`."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    found = due(lake, settings.tuning, now)
    get_run_logger().info(found.reason)
    return found.ready


@task(name="say-what-started", cache_policy=NO_CACHE)
def say_what_started(run_id: str | None) -> dict[str, str]:
    """Log what started this run and how to stop it; `by`, and `after` (a run of feedback)."""
    started = started_by(run_id)
    said = f"Started by {started['by']}"
    if started.get("after"):
        said += f", after the feedback run {started['after']}"
    get_run_logger().info(
        f"{said}. To stop it: `prefect flow-run cancel {run_id}`, or Cancel in the UI; nothing is "
        "offered then, and another tune goes on where this one stood."
    )
    return started


@task(name="build-dataset", cache_policy=NO_CACHE)
def build_dataset(
    settings: Settings, start: datetime | None, end: datetime | None, run_id: str | None
) -> str:
    """See `almanac.dataset.build`; the dataset's hash."""
    built = build(settings, start, end, run_id, base=base_facts(settings.tuning))
    artifacts.page("dataset-card", built["card"], "Training data")
    return str(built["dataset"])


@task(name="prepare-job", cache_policy=NO_CACHE)
def prepare_job(
    settings: Settings, dataset: str, method: Method, recipe: str | None, limits: dict[str, Any]
) -> Job:
    """See `almanac.tuning.tune.prepare`."""
    job = tune.prepare(settings, dataset, method, recipe, limits)
    logger = get_run_logger()
    logger.info(f"Adapter {job.adapter_id}: {method} on dataset {dataset[:12]}")
    seen = tune.foresight(settings, job)
    for line in seen.lines:
        logger.log(INFO if seen.possible and len(seen.lines) == 1 else WARNING, line)
    page = "\n".join(["# What this evaluation can tell", "", *(f"- {one}" for one in seen.lines)])
    artifacts.page("tune-power", page, "What the questions can tell")
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
        return log_move(promotion.reject(settings, adapter_id, answer.who, answer.reason, run_id))
    return log_move(
        promotion.approve(settings, adapter_id, answer.who, answer.reason, "staging", run_id)
    )


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
    record = {name: adapter.record.get(name) for name in names}
    return {
        "adapter_id": adapter.adapter_id,
        "status": adapter.status,
        "reason": adapter.reason,
    } | record


def question(adapter: Adapter) -> str:
    """What the form above the decision says."""
    reasons = "\n".join(f"- {reason}" for reason in adapter.record["verdict"]["reasons"])
    return (
        f"**Adapter {adapter.adapter_id}** passed the gate. The artifact *tune-report* of this run "
        f"has every figure, with answers side by side.\n\n{reasons}"
    )

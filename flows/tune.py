"""From feedback to an adapter that a person may approve: dataset, training, evaluation, gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from prefect import flow, runtime, suspend_flow_run

from schemas import forms
from schemas.examples import Method
from schemas.settings import settings_for
from tasks import artifacts, events
from tasks import tune as stages
from tasks.feedback import triage_dislikes
from tasks.names import run_name


@flow(
    name="tune",
    flow_run_name=run_name("tune"),
    description=__doc__,
    validate_parameters=True,
    on_failure=[artifacts.explain],
)
def tune(
    method: Annotated[Method, forms.named("Method")] = "sft",
    from_date: Annotated[forms.Day, forms.named("Asked from")] = None,
    to_date: Annotated[forms.Day, forms.named("Asked until")] = None,
    dataset: Annotated[forms.Hash, forms.named("Dataset")] = None,
    base: Annotated[forms.Text, forms.named("Another base model")] = None,
    recipe: Annotated[forms.Text, forms.named("Another recipe")] = None,
    max_steps: Annotated[forms.Steps, forms.named("Most steps")] = None,
    only_if_due: Annotated[bool, forms.named("Only if due")] = False,
    ask_for_approval: Annotated[bool, forms.named("Ask for approval")] = True,
    lakehouse: forms.Lakehouse = None,
    config: forms.Config = None,
) -> dict[str, Any]:
    """Train a LoRA adapter on the model's own faults, and offer it if it beats the base.

    The run then waits for a person: press Resume, read the report, decide. `almanac adapters
    approve` does the same from a shell. Run again with the same feedback, it goes on where a killed
    run stopped, and trains nothing twice.

    Args:
        method: sft learns corrections, dpo preference pairs, kto bare votes.
        from_date: Use only what was asked on this day (UTC) or later.
        to_date: Use only what was asked on this day (UTC) or before.
        dataset: Train on this one (the begin of its hash) instead of building one.
        base: A hub id or a folder, instead of the configured one.
        recipe: A YAML file, instead of the method's own.
        max_steps: Stop after so many steps of the optimizer; as the recipe says unless given.
        only_if_due: Do nothing unless there are enough new model faults and the last tune rested.
        ask_for_approval: Wait for a person where the adapter passed; else it stays a candidate.
        lakehouse: Folder or URI of another lakehouse than the configured one; without credentials.
        config: Path of another configuration file than the worker's.
    """
    window = forms.window(from_date, to_date)
    settings = settings_for(config, lakehouse)
    settings = stages.with_base(settings, base)
    run_id = runtime.flow_run.id
    stages.say_what_started(run_id)
    # A run that is resumed starts over, maybe days later: what it offered then is what it is about.
    adapter = stages.offered_by(settings, run_id)
    if adapter is None:
        if only_if_due and not stages.is_due(settings, datetime.now(UTC)):
            return {"status": "not due"}
        if not dataset:
            triage_dislikes(settings, *window, False, run_id)
            dataset = stages.build_dataset(settings, *window, run_id)
        job = stages.prepare_job(settings, dataset, method, recipe, {"max_steps": max_steps})
        stages.train(job)
        judged = stages.evaluate(settings, job)
        adapter = stages.offer(settings, job, judged, run_id)
    if adapter.status != "candidate" or not ask_for_approval or not runtime.deployment.id:
        return stages.summary(adapter)
    wait = round(settings.tuning.approval_days * 86_400)
    form = stages.Approval.with_initial_data(description=stages.question(adapter))
    with events.resting():
        answer = suspend_flow_run(wait_for_input=form, timeout=wait, key="approval")
    return stages.decide(settings, adapter.adapter_id, answer, run_id)

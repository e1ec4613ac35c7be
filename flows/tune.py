"""From feedback to an adapter that a person may approve: dataset, training, evaluation, gate."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any

from prefect import flow, runtime, suspend_flow_run
from pydantic import Field

from schemas.examples import Method
from schemas.settings import load_settings
from schemas.times import first_instant, last_instant
from tasks import learning


@flow(name="tune", description=__doc__, validate_parameters=True)
def tune(
    method: Method = "sft",
    from_date: date | None = None,
    to_date: date | None = None,
    dataset: str | None = None,
    base: str | None = None,
    recipe: str | None = None,
    max_steps: Annotated[int, Field(ge=1, le=100_000)] | None = None,
    only_if_due: bool = False,
    ask_for_approval: bool = True,
    lakehouse: str | None = None,
    config: str | None = None,
) -> dict[str, Any]:
    """Train a LoRA adapter on the model's own faults, and offer it if it beats the base.

    The run then waits for a person: press Resume, read the report, decide. `almanac adapters
    approve` does the same from a shell. Run again with the same feedback, it goes on where a killed
    run stopped, and trains nothing twice.

    Args:
        method: sft learns corrections, dpo preference pairs, kto bare votes.
        from_date: Use only what was asked on this day or later.
        to_date: Use only what was asked on this day or before.
        dataset: Train on this dataset (the begin of its hash) instead of building one.
        base: Another base model than the configured one; a hub id or a folder.
        recipe: Another recipe than the method's own; a YAML file.
        max_steps: Stop after so many steps of the optimizer.
        only_if_due: Do nothing unless there are enough new model faults and the last tune rested.
        ask_for_approval: Wait for a person where the adapter passed; else it stays a candidate.
        lakehouse: Another lakehouse than the configured one.
        config: Another configuration file.
    """
    overrides = {"lakehouse": lakehouse} if lakehouse else {}
    settings = load_settings(config, **overrides)
    settings = learning.with_base(settings, base)
    run_id = runtime.flow_run.id
    # A run that is resumed starts over, maybe days later: what it offered then is what it is about.
    adapter = learning.offered_by(settings, run_id)
    if adapter is None:
        if only_if_due and not learning.is_due(settings, datetime.now(UTC)):
            return {"status": "not due"}
        window = (first_instant(from_date), last_instant(to_date))
        if dataset is None:
            learning.triage_dislikes(settings, *window, False, run_id)
            dataset = learning.build_dataset(settings, *window, run_id)
        job = learning.prepare_job(settings, dataset, method, recipe, {"max_steps": max_steps})
        learning.train(job)
        judged = learning.evaluate(settings, job)
        adapter = learning.offer(settings, job, judged, run_id)
    if adapter.status != "candidate" or not ask_for_approval or not runtime.deployment.id:
        return learning.summary(adapter)
    wait = round(settings.tuning.approval_days * 86_400)
    form = learning.Approval.with_initial_data(description=learning.question(adapter))
    answer = suspend_flow_run(wait_for_input=form, timeout=wait, key="approval")
    return learning.decide(settings, adapter.adapter_id, answer, run_id)

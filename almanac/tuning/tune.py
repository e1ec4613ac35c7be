"""One tune from a dataset to an offered or refused adapter; each step can be repeated."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from almanac.adapters import files, promotion
from almanac.assistants.prompts import find
from almanac.assistants.template import Prompt
from almanac.core.files import write_whole
from almanac.costs.recording import recorded
from almanac.dataset.assemble import prompt_of, question_group
from almanac.dataset.export import export
from almanac.embedding.factory import open_encoder
from almanac.evaluation import plots
from almanac.evaluation.cases import Case, GoldenAnswer, cases, read_golden
from almanac.evaluation.cheaper_cure import NearestExamples
from almanac.evaluation.gate import Verdict, judge_adapter
from almanac.evaluation.report import page
from almanac.evaluation.run import evaluate
from almanac.evaluation.scores import Scored, score
from almanac.llm.judge import open_judge
from almanac.retrieval.search import Searcher
from almanac.training import jobs
from almanac.training.base import resolve_base
from almanac.training.jobs import Job
from almanac.training.recipe import Recipe, load_recipe
from almanac.tuning.foresight import Foresight, foresee, tries_on
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.training import Adapter
from schemas.encoder import Encoder
from schemas.errors import ConfigError, ReleaseNotFound
from schemas.examples import Method
from schemas.feedback import Message, Passage, Request
from schemas.settings import Settings
from schemas.times import isoformat

Progress = Callable[[dict[str, Any]], None]
_K = 3  # passages of a golden question that brings none


@dataclass(frozen=True, slots=True)
class Judged:
    """What an evaluation found."""

    scored: tuple[Scored, ...]
    merge: Mapping[str, Any]
    verdict: Verdict


def prepare(
    settings: Settings, dataset: str, method: Method, recipe: str | None, limits: Mapping[str, Any]
) -> Job:
    """The folder of the job that these inputs name: a new one, or one to go on with.

    Args:
        settings: the configuration.
        dataset: the begin of a dataset's hash.
        method: of the recipe, and of the view of the dataset.
        recipe: a YAML file; the method's own for None.
        limits: keys of the recipe that win over it; None leaves the recipe's.

    Raises:
        DatasetRefused: it is not known, or not whole any more.
        ConfigError: recipe or base can't be used.
        TuningFailed: the base can't be downloaded.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    manifest = lake.datasets.manifest(dataset)
    made = _recipe(settings, method, recipe, limits)
    base = resolve_base(settings.tuning)
    with tempfile.TemporaryDirectory() as folder:
        export(lake, manifest, Path(folder))
        into = jobs.workdir(settings)
        return jobs.prepare(Path(folder), manifest["dataset"], base, made, into)


def judge(settings: Settings, job: Job, on_progress: Progress) -> Judged:
    """Ask base and adapter the same questions, score the answers, and decide.

    Raises:
        TuningFailed: the process that asks them did not end well.
        ConfigError: the golden questions can't be read.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    asked = _cases(settings, lake, job)
    encoder = open_encoder(settings.embedder)
    asked = _with_examples(lake, job, asked, encoder)
    answers, merge = evaluate(job, asked, on_progress)
    judge_ = open_judge(settings.judge)
    with recorded(settings, lake, judge=judge_):
        scored = tuple(score(asked, answers, encoder, judge_))
    held = {one.request_id for one in asked if one.part == "held_back"}
    tries = tries_on(lake, held, job.adapter_id) + 1
    return Judged(scored, merge, judge_adapter(scored, merge, settings.tuning, tries))


def foresight(settings: Settings, job: Job) -> Foresight:
    """What the evaluation of a job will be able to tell; nothing is trained or asked.

    Raises:
        ConfigError: the golden questions can't be read.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    return foresee(lake, _cases(settings, lake, job), settings.tuning)


def offer(settings: Settings, job: Job, judged: Judged, run_id: str | None) -> Adapter:
    """Store weights, figures and answers, and last the row that makes it a candidate or refused.

    Raises:
        AdapterRefused: its files are not what an adapter's must be.
        DatasetRefused: something it was trained on was erased meanwhile.
    """
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    manifest = lake.datasets.manifest(job.spec["dataset"])
    lake.datasets.examples(manifest)
    _draw(job, judged)
    stored = files.store(lake, job.adapter_id, job.folder)
    lake.evaluations.keep([one.as_row(job.adapter_id) for one in judged.scored])
    verdict = judged.verdict
    promotion.offer(
        settings,
        job.adapter_id,
        _record(job, judged, manifest) | {"files": stored},
        manifest["trained_on"],
        verdict.offered,
        verdict.reasons,
        run_id,
    )
    jobs.forget_texts(job)
    return lake.adapters.find(job.adapter_id)


def report(settings: Settings, job: Job, judged: Judged) -> str:
    """The page that a person decides by."""
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    manifest = lake.datasets.manifest(job.spec["dataset"])
    return page(job, manifest, judged.scored, judged.verdict)


def loss_picture(job: Job) -> bytes:
    """Loss by step as PNG, drawn once, when training has ended, and kept beside the adapter."""
    kept = job.folder / "loss.png"
    if not kept.is_file():
        write_whole(kept, plots.loss_curve(job.folder / "progress.jsonl"))
    return kept.read_bytes()


def _draw(job: Job, judged: Judged) -> None:
    """The pictures beside the adapter."""
    loss_picture(job)
    write_whole(job.folder / "figures.png", plots.figures(judged.verdict.figures))


def _record(job: Job, judged: Judged, manifest: Mapping[str, Any]) -> dict[str, Any]:
    base = {key: value for key, value in job.spec["base"].items() if key != "path"}
    return {
        "dataset": manifest["dataset"],
        "dataset_at": isoformat(manifest["at"]),
        "method": job.spec["method"],
        "recipe": job.spec["recipe"],
        "libraries": job.spec["libraries"],
        "base": base,
        "metrics": job.metrics,
        "merge": dict(judged.merge),
        "verdict": judged.verdict.as_json(),
    }


def _cases(settings: Settings, lake: Lakehouse, job: Job) -> list[Case]:
    manifest = lake.datasets.manifest(job.spec["dataset"])
    prompter = partial(_prompt, settings.dataset.system_prompt, _stored(settings, lake))
    golden: list[GoldenAnswer] = (
        read_golden(settings.tuning.golden) if settings.tuning.golden else []
    )
    examples = lake.datasets.examples(manifest)
    most = settings.tuning.max_questions
    return cases(examples, golden, most, prompter, partial(_retrieve, settings))


def _with_examples(
    lake: Lakehouse, job: Job, asked: Sequence[Case], encoder: Encoder
) -> list[Case]:
    """The cases with the corrected requests that are nearest to each."""
    known = lake.datasets.examples(lake.datasets.manifest(job.spec["dataset"]))
    nearest = NearestExamples(known, encoder.encode_queries)
    questions = [one.question for one in asked]
    shown = nearest.of(questions, [question_group(one) for one in questions])
    return [replace(one, examples=some) for one, some in zip(asked, shown, strict=True)]


def _recipe(
    settings: Settings, method: Method, recipe: str | None, limits: Mapping[str, Any]
) -> Recipe:
    made = load_recipe(recipe or method, **limits)
    if made.method != method:
        raise ConfigError(
            f"the recipe {recipe} is for {made.method}, and the method is {method}: name the same"
        )
    if "threads" in made.model_fields_set:
        return made
    return made.model_copy(update={"threads": settings.tuning.threads})


def _stored(settings: Settings, lake: Lakehouse) -> Prompt | None:
    """The prompt that the examples are told by, where one is set."""
    if settings.dataset.prompt is None:
        return None
    stored = find(lake, settings.dataset.prompt)
    return Prompt.of(stored.content, stored.label)


def _prompt(
    system: str, prompt: Prompt | None, question: str, passages: Sequence[str]
) -> tuple[Message, ...]:
    """As the examples' own prompts are made where the log has none."""
    context = tuple(Passage("", text) for text in passages)
    asked = Request("", datetime(1970, 1, 1, tzinfo=UTC), "", question, "", context)
    return prompt_of(asked, system, prompt)


def _retrieve(settings: Settings, questions: Sequence[str]) -> list[list[str]]:
    """The passages of each question from what answers now; none before the first release."""
    try:
        searcher = Searcher(settings)
    except ReleaseNotFound:
        return [[] for _ in questions]
    return [[hit.text for hit in hits] for hits in searcher.search(questions, _K, "hybrid")]

"""A whole tune without Prefect: what it foresees, trains, asks and counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from almanac.dataset.build import build
from almanac.training import jobs
from almanac.training.base import Base
from almanac.tuning import tune
from almanac.tuning.foresight import tries_on
from schemas.feedback import Passage, Request, Vote
from schemas.settings import Settings
from tests.dataset.logged import THINGS, asked, configured, fill, lake_of, vote
from tests.training.conftest import tiny_base  # noqa: F401 (a fixture)

pytestmark = pytest.mark.slow  # a tiny model is trained and asked, twice in processes of its own


def fault(number: int) -> tuple[Request, Vote]:
    thing = THINGS[number]
    passage = Passage(f"c-{number}", f"The office on floor {number} looks after {thing}.")
    question = f"Which office looks after {thing}?"
    request = asked(number, question=question, context=(passage,), response="Nobody does.")
    return request, vote(request, -1, f"floor {number}")


@pytest.fixture
def settings(tmp_path: Path, tiny_base: Base) -> Settings:  # noqa: F811
    golden = tmp_path / "golden.jsonl"
    row = {
        "id": "g1",
        "text": "Who has the keys?",
        "answers": ["Ann"],
        "context": ["Ann has them."],
    }
    golden.write_text(json.dumps(row), encoding="utf-8")
    made = configured(tmp_path, rules=2, held_back=0.4)
    base = shutil.copytree(tiny_base.path, tmp_path / "base")
    config = (
        base / "config.json"
    )  # a prompt with three examples and an answer takes some 600 tokens
    said = json.loads(config.read_text("utf-8")) | {"max_position_embeddings": 1024}
    config.write_text(json.dumps(said), encoding="utf-8")
    values = {"base": str(base), "workdir": str(tmp_path / "jobs"), "threads": 1}
    tuning = made.tuning.model_copy(update=values | {"golden": str(golden)})
    return made.model_copy(update={"tuning": tuning})


def test_a_tune_says_what_it_can_tell_and_counts_its_tries(settings: Settings) -> None:
    lake = lake_of(settings)
    fill(lake, [fault(number) for number in range(20)])
    dataset = build(settings, None, None)["dataset"]
    limits = {"max_steps": 1, "save_steps": 1, "eval_steps": 1, "precision": "float32"}
    job = tune.prepare(settings, dataset, "sft", None, limits)

    # A tenth of the training side chooses the checkpoint; the held-back side stays the gate's.
    data = job.folder / "data" / "sft"
    sides = {file.stem: pq.read_table(file).num_rows for file in data.iterdir()}
    manifest = lake.datasets.manifest(dataset)
    assert sides.keys() == {"train", "inner"} and sides["inner"] == 1
    assert sum(sides.values()) == manifest["views"]["sft"]["train"]

    seen = tune.foresight(settings, job)
    held = manifest["views"]["sft"]["held_back"]
    assert (seen.questions, seen.golden, seen.tries, seen.possible) == (held, 1, 1, False)
    assert seen.lines[0].startswith(f"{held} held-back question")
    assert "That is too few: about 233 would show it in 80%." in seen.lines[1]
    assert any("there are 1 golden questions of the 20" in line for line in seen.lines)

    jobs.run(job, lambda line: None)
    judged = tune.judge(settings, job, lambda line: None)
    assert all(one.answered.examples_answer is not None for one in judged.scored)
    assert {one.case.references[1] for one in judged.scored if one.case.part == "held_back"} == {
        f"floor {number}" for number in range(20) if f"r-{number:03d}" not in manifest["trained_on"]
    }
    assert len(judged.verdict.notes) == 2 and "examples in its prompt" in judged.verdict.notes[0]
    assert not judged.verdict.offered
    tune.offer(settings, job, judged, "run-1")
    assert "## Instead of training" in tune.report(settings, job, judged)

    asked_now = {one.case.request_id for one in judged.scored if one.case.part == "held_back"}
    assert tries_on(lake, asked_now) == 1
    assert tries_on(lake, asked_now, job.adapter_id) == 0
    assert tune.foresight(settings, job).tries == 2

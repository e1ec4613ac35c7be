"""Real training of the tiny base in a real child process, killed and taken up again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from peft import PeftModel

from almanac.training.base import Base, open_base, resolve_base
from almanac.training.jobs import Job, open_job, prepare, run
from almanac.training.recipe import load_recipe
from schemas.errors import DatasetRefused, TuningFailed
from schemas.settings import TuningSettings
from tests.training.examples import make_views

SHORT = {
    "threads": 1,
    "precision": "float32",
    "max_steps": 10,
    "learning_rate": 5e-3,
    "save_steps": 2,
}
# What chooses the checkpoint of DPO gets worse from the first evaluation on: it stops after the
# third. KTO has a row less to learn from for each that chooses, and so a step less.
KINDS: dict[str, dict[str, Any]] = {
    "sft": SHORT | {"eval_steps": 4, "lora": {"dropout": 0.1}},
    "dpo": SHORT | {"eval_steps": 2, "patience": 2},
    "kto": SHORT | {"eval_steps": 4, "precision": "bfloat16"},
}
LAST = {"sft": 10, "dpo": 6, "kto": 9}


class Killed(Exception):
    """Raised while progress is told, so that `run` kills its child."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_views(tmp_path_factory.mktemp("exported"))


@pytest.fixture(scope="module")
def unbroken(
    tiny_base: Base, exported: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Job]:
    """One job of each method, trained one after the other in one process."""
    jobs = {kind: a_job(exported, tiny_base, kind, tmp_path_factory.mktemp(kind)) for kind in KINDS}
    script = (
        "import sys; from pathlib import Path; from almanac.training.train import train\n"
        "for folder in sys.argv[1:]: train(Path(folder), sys.stdout)"
    )
    folders = [str(job.folder) for job in jobs.values()]
    subprocess.run([sys.executable, "-c", script, *folders], check=True, capture_output=True)
    return jobs


def a_job(exported: Path, base: Base, kind: str, into: Path) -> Job:
    return prepare(exported, "d" * 64, base, load_recipe(kind, **KINDS[kind]), into)


def rows(job: Job) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (job.folder / "progress.jsonl").read_text().splitlines()]


def timeless(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if "second" not in key}


def run_until(job: Job, step: int) -> None:
    """SIGKILL the child once it tells of a step."""

    def watch(row: dict[str, Any]) -> None:
        if row["step"] == step:
            raise Killed

    with pytest.raises(Killed):
        run(job, watch)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "killed_at"), [("sft", 7), ("dpo", 5), ("kto", 3)])
def test_a_killed_job_ends_with_the_same_bytes(
    kind: str,
    killed_at: int,
    unbroken: dict[str, Job],
    tiny_base: Base,
    exported: Path,
    tmp_path: Path,
) -> None:
    job = a_job(exported, tiny_base, kind, tmp_path)
    assert job.adapter_id == unbroken[kind].adapter_id
    run_until(job, killed_at)
    assert job.metrics is None
    tear(job, killed_at)

    heard: list[dict[str, Any]] = []
    metrics = run(job, heard.append)

    first_again = killed_at - killed_at % 2 + 1
    assert [row["step"] for row in heard] == list(range(first_again, LAST[kind] + 1))
    whole = unbroken[kind]
    assert [timeless(row) for row in rows(job)] == [timeless(row) for row in rows(whole)]
    assert [row["step"] for row in rows(job)] == list(range(LAST[kind] + 1))
    assert timeless(metrics) == timeless(whole.metrics or {})
    assert contents(job.adapter) == contents(whole.adapter)
    assert not (job.folder / "checkpoints").exists()


def tear(job: Job, killed_at: int) -> None:
    """As if the kill had come while a checkpoint and a line of progress were being written."""
    checkpoints = job.folder / "checkpoints"
    last = killed_at - killed_at % 2
    torn = shutil.copytree(
        checkpoints / f"checkpoint-{last}", checkpoints / f"checkpoint-{last + 2}"
    )
    (torn / "optimizer.pt").write_bytes(b"half")
    with (job.folder / "progress.jsonl").open("a") as progress:
        progress.write('{"step": 9')


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.slow
def test_what_a_job_leaves_behind(unbroken: dict[str, Job], tiny_base: Base) -> None:
    job = unbroken["sft"]
    metrics = job.metrics or {}
    found = rows(job)
    assert [(row["step"], row["eval_loss"] is not None) for row in found] == [
        (step, step in (0, 4, 8, 10)) for step in range(11)
    ]
    evals = [row["eval_loss"] for row in found if row["eval_loss"] is not None]
    assert (metrics["first_eval_loss"], metrics["last_eval_loss"]) == (evals[0], evals[-1])
    assert metrics["best_eval_loss"] == min(evals) < evals[0]
    assert (metrics["steps"], metrics["best_step"], metrics["stopped_early"]) == (10, 10, False)
    assert metrics["tokens"] == found[-1]["tokens"] > 0 < metrics["tokens_per_second"]

    assert sorted(contents(job.adapter)) == ["adapter_config.json", "adapter_model.safetensors"]
    config = json.loads((job.adapter / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("tiny-llama", None)
    assert (config["r"], config["bias"], config["modules_to_save"]) == (16, "none", None)
    assert str(job.folder.parent) not in json.dumps(config)


@pytest.mark.slow
def test_peft_loads_the_adapter_and_it_answers_as_it_was_taught(
    unbroken: dict[str, Job], tiny_base: Base
) -> None:
    base, tokenizer = open_base(tiny_base, "float32", "cpu")
    said = tokenizer("what stat 3?", return_tensors="pt")
    with torch.no_grad():
        before = base(**said).logits
        after = PeftModel.from_pretrained(base, unbroken["sft"].adapter)(**said).logits
    assert (before - after).abs().max() > 0.01


@pytest.mark.slow
def test_the_loss_on_the_inner_split_picks_the_checkpoint_and_ends_the_run(
    unbroken: dict[str, Job],
) -> None:
    metrics = unbroken["dpo"].metrics or {}
    assert (metrics["steps"], metrics["best_step"], metrics["stopped_early"]) == (6, 2, True)
    losses = {row["step"]: row["eval_loss"] for row in rows(unbroken["dpo"])}
    assert metrics["best_eval_loss"] == losses[2] < losses[4] < losses[6]


@pytest.mark.slow
def test_a_done_job_is_not_done_again_and_two_processes_do_not_share_one(
    unbroken: dict[str, Job], tiny_base: Base, exported: Path, tmp_path: Path
) -> None:
    done = unbroken["kto"]
    again = prepare(
        exported, "d" * 64, tiny_base, load_recipe("kto", **KINDS["kto"]), done.folder.parent
    )
    assert run(again, lambda row: pytest.fail(f"trained again: {row}")) == done.metrics
    assert open_job(done.folder) == again

    job = a_job(exported, tiny_base, "sft", tmp_path)
    with (
        FileLock(job.folder / "lock"),
        pytest.raises(TuningFailed, match="another process is at work on"),
    ):
        run(job, lambda row: None)


@pytest.mark.slow
def test_an_example_that_is_too_long_is_refused_by_its_place(
    tiny_base: Base, exported: Path, tmp_path: Path
) -> None:
    recipe = load_recipe("sft", threads=1, max_length=40)
    job = prepare(exported, "d" * 64, tiny_base, recipe, tmp_path)
    with pytest.raises(TuningFailed, match=r"example 4 of sft/train has \d\d tokens, and the rec"):
        run(job, lambda row: None)


def test_a_view_without_rows_is_refused(tiny_base: Base, tmp_path: Path) -> None:
    exported = make_views(tmp_path / "exported", held_back=0)
    with pytest.raises(DatasetRefused, match="sft/held_back has 0 examples"):
        prepare(exported, "d" * 64, tiny_base, load_recipe("sft"), tmp_path)


@pytest.mark.slow
def test_the_small_model_learns(exported: Path, tmp_path: Path) -> None:
    base = resolve_base(TuningSettings())
    recipe = load_recipe("sft", threads=1, max_steps=2, eval_steps=2, save_steps=2, warmup=0)
    job = prepare(make_views(tmp_path, train=8, held_back=2), "d" * 64, base, recipe, tmp_path)
    metrics = run(job, lambda row: None)
    assert metrics["steps"] == 2
    assert metrics["best_eval_loss"] < metrics["first_eval_loss"]
    config = json.loads((job.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "HuggingFaceTB/SmolLM2-135M-Instruct"

"""The trainer's own process: `python -m almanac.training.train JOB_DIR`.

Reads job.json and data/, writes progress.jsonl, adapter/ and metrics.json; each new line of
progress goes to standard output as well. On a processor the same job gives the same bytes, killed
and resumed or not: the seed, the threads and the order of everything are the recipe's. Uses no
network.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from almanac.core.files import write_whole
from almanac.training.base import open_base
from almanac.training.checkpoints import folder_of, newest_whole, publish
from almanac.training.jobs import Job, open_job, pretty
from almanac.training.progress import Progress
from almanac.training.recipe import Recipe
from almanac.training.views import read_view, refuse_longer
from almanac.training.worker_main import on_job
from schemas.errors import TuningFailed

if TYPE_CHECKING:
    from transformers import Trainer

_log = logging.getLogger("almanac.tuning")


def main(arguments: list[str]) -> int:
    """Train one job; 1 and a line on standard error where it cannot be done."""
    return on_job("almanac.training.train", train, arguments)


def train(folder: Path, out: TextIO) -> None:
    """Do the job, or go on with it; a done one is left as it is.

    Raises:
        TuningFailed: another process is at it, or a loss is not finite.
        DatasetRefused: an example is longer than the recipe allows.
    """
    job = open_job(folder)
    # trl trains on one GPU, and refuses to where it sees more.
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    os.environ["CUDA_VISIBLE_DEVICES"] = visible
    from filelock import FileLock, Timeout

    try:
        # Of the system's kind: it goes with its holder, however that one ends.
        with FileLock(folder / "lock", timeout=0):
            if job.metrics is None:
                _train(job, out)
    except Timeout:
        raise TuningFailed(f"another process is at work on {folder.name}") from None


def _train(job: Job, out: TextIO) -> None:
    recipe, checkpoints = job.recipe, job.folder / "checkpoints"
    begun = newest_whole(checkpoints)

    def tell(line: str) -> None:
        out.write(line)
        out.flush()

    progress = Progress(job.folder / "progress.jsonl", -1 if begun is None else begun, tell)
    trainer = _open_trainer(job, progress)
    steps = trainer.args.max_steps
    if begun is None:
        trainer.evaluate()  # The base: the adapter changes nothing yet.
    if (begun or 0) < steps and not progress.stopped_early(recipe.patience):
        trainer.train(resume_from_checkpoint=str(folder_of(checkpoints, begun)) if begun else None)
    best = progress.best()
    if best is None:
        raise TuningFailed(f"{job.folder.name} came to no evaluation in {steps} steps")
    publish(folder_of(checkpoints, best["step"]), job.base, job.adapter)
    metrics = progress.metrics(recipe.patience)
    write_whole(job.folder / "metrics.json", pretty(metrics))
    shutil.rmtree(checkpoints)


def _open_trainer(job: Job, progress: Progress) -> Trainer:
    recipe, checkpoints = job.recipe, job.folder / "checkpoints"
    _settle(recipe)
    from almanac.training.trainers import Watch, make_trainer

    model, tokenizer = open_base(job.base, recipe.precision, recipe.device)
    train = read_view(job.folder / "data", recipe.method, "train")
    inner = read_view(job.folder / "data", recipe.method, "inner")
    for name, table in (("train", train), ("inner", inner)):
        refuse_longer(table, tokenizer, recipe.max_length or sys.maxsize, f"{recipe.method}/{name}")
    trainer = make_trainer(recipe, model, tokenizer, train, inner, checkpoints)
    trainer.add_callback(Watch(progress, recipe, trainer.args.max_steps, checkpoints))
    return trainer


def _settle(recipe: Recipe) -> None:
    """Threads and algorithms, before torch does anything."""
    import datasets  # type: ignore[import-untyped]
    import torch

    torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True, warn_only=recipe.device == "cuda")
    # Else all new memory is written once more, for code that reads what it never wrote.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    datasets.disable_progress_bars()
    datasets.disable_caching()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

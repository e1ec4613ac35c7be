"""A tuning job is a folder: what it is made of, what it became, and the process that works on it.

    job.json        adapter_id, dataset, method, recipe (resolved), base, libraries
    data/           the views of the dataset that the method reads
    checkpoints/    while it runs
    progress.jsonl  a line a step
    adapter/        weights and configuration, nothing else
    metrics.json    last: its presence says that the job is done

The adapter's id names all that decides its bytes, so the same inputs are the same folder: a job
that was killed goes on, and one that is done is not done again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from almanac.core.files import write_whole
from almanac.training.base import Base, cache_folder
from almanac.training.recipe import Recipe, recipe_identity, resolve
from almanac.training.tokens import window
from almanac.training.views import INNER, inner_split, label_counts, read_view
from schemas.errors import TuningFailed
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import Settings

_log = logging.getLogger("almanac.tuning")
_ROOT = Path(__file__).resolve().parents[2]
_LIBRARIES = (
    "accelerate",
    "bitsandbytes",
    "datasets",
    "peft",
    "tokenizers",
    "torch",
    "transformers",
    "trl",
)
_LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Job:
    """A job's folder and what its job.json says."""

    folder: Path
    spec: Mapping[str, Any]

    @property
    def adapter_id(self) -> str:
        """SHA-256 over all that made the adapter; its first 16 digits name the folder."""
        return str(self.spec["adapter_id"])

    @property
    def recipe(self) -> Recipe:
        """Resolved: no value is left open."""
        return Recipe(**self.spec["recipe"])

    @property
    def base(self) -> Base:
        """The model it is trained on."""
        return Base.from_json(self.spec["base"])

    @property
    def adapter(self) -> Path:
        """The folder with adapter_model.safetensors and adapter_config.json, once it is done."""
        return self.folder / "adapter"

    @property
    def metrics(self) -> dict[str, Any] | None:
        """What metrics.json says; None while the job is not done."""
        file = self.folder / "metrics.json"
        return _json(file) if file.is_file() else None


def workdir(settings: Settings) -> Path:
    """Where the jobs of a lakehouse lie: as configured, else in the user's cache; not created."""
    if settings.tuning.workdir:
        return Path(settings.tuning.workdir).expanduser()
    return cache_folder() / "jobs" / sha256_text(settings.lakehouse)[:16]


def clear_jobs(settings: Settings, datasets: Collection[str]) -> int:
    """Remove the folders of jobs on these datasets, checkpoints and all; how many there were.

    A tune that works there now fails.
    """
    count = 0
    for file in sorted(workdir(settings).glob("*/job.json")) if datasets else ():
        if _json(file).get("dataset") in datasets:
            shutil.rmtree(file.parent)
            count += 1
    return count


def prepare(exported: Path, dataset: str, base: Base, recipe: Recipe, into: Path) -> Job:
    """Make the job's folder, or find it again.

    Args:
        exported: the dataset as files (`almanac.dataset.export`).
        dataset: its hash.
        base: the model to train on.
        recipe: as loaded; what it leaves open is settled here, by this machine and the data.
        into: the folder of all jobs.

    Raises:
        DatasetRefused: the method's view has no rows on one of the sides.
        ConfigError: device or precision are not to be had here.
    """
    train, inner = inner_split(read_view(exported, recipe.method, "train"))
    counts = label_counts(train)
    recipe = resolve(recipe, *counts, window(base.path))
    read_view(exported, recipe.method, "held_back")
    made_of = {
        "dataset": dataset,
        "method": recipe.method,
        "recipe": recipe.model_dump(mode="json"),
        "libraries": _libraries(),
    }
    identity = made_of | {
        "inner": INNER,
        "recipe": recipe_identity(recipe),
        "base": [base.name, base.revision, base.sha256],
    }
    adapter_id = sha256_text(canonical_json(identity))
    job = Job(into / adapter_id[:16], made_of | {"adapter_id": adapter_id, "base": base.as_json()})
    for side, table in (("train", train), ("inner", inner)):
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        name = f"{recipe.method}/{side}.parquet"
        write_whole(job.folder / "data" / name, sink.getvalue().to_pybytes())
    write_whole(job.folder / "job.json", pretty(dict(job.spec)))
    return job


def open_job(folder: Path) -> Job:
    """The job whose folder it is.

    Raises:
        TuningFailed: there is none.
    """
    file = folder / "job.json"
    if not file.is_file():
        raise TuningFailed(f"{folder} is no job: it has no job.json")
    return Job(folder, _json(file))


def run(job: Job, on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Train in a process of its own, or go on where one was killed; a done job returns at once.

    `on_progress` gets each new line of progress.jsonl. Whatever ends this call ends the process.
    Returns metrics.json.

    Raises:
        TuningFailed: the trainer ended otherwise, with the last lines that it said; also where
            another process is at work on the job.
    """
    if (done := job.metrics) is not None:
        return done
    obituary = work(job, "almanac.training.train", on_progress)
    if (done := job.metrics) is None:
        raise TuningFailed(obituary)
    return done


def work(job: Job, module: str, on_progress: Callable[[dict[str, Any]], None]) -> str:
    """Run `python -m MODULE JOB_DIR` to its end; what to say of it where it did not do its work.

    `on_progress` gets each line of JSON that it prints. Whatever ends this call ends the process.
    """
    errors = job.folder / "stderr.log"
    with errors.open("wb") as stderr:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(job.folder.resolve())],
            env=_environment(job.recipe.threads),
            cwd=job.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
        )
        try:
            for line in child.stdout or ():
                on_progress(json.loads(line))
            child.wait()
        finally:
            child.kill()  # Of no effect on one that has ended.
            child.communicate()
    return _failure_reason(job, child.returncode, errors)


def forget_texts(job: Job) -> None:
    """Remove what users wrote from a job's folder: an erasure does not reach it there."""
    shutil.rmtree(job.folder / "data", ignore_errors=True)
    for pattern in ("cases.parquet", "answers*", "*.log"):
        for file in job.folder.glob(pattern):
            file.unlink()


def replace_folder(part: Path, folder: Path) -> None:
    """Put a finished folder in the place of an older one."""
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def _json(file: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return said


def pretty(value: Mapping[str, Any]) -> bytes:
    """JSON for people, the same bytes for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _environment(threads: int) -> dict[str, str]:
    """For the child: Almanac's code from wherever it runs, and its threads."""
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    count = str(threads)
    return os.environ | {
        "PYTHONPATH": path,
        "OMP_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
    }


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # bitsandbytes is there on some machines only
            continue
    return found


def _failure_reason(job: Job, code: int, errors: Path) -> str:
    output = errors.read_text(encoding="utf-8", errors="replace").splitlines()
    lines = [line.rstrip() for line in output if line.strip()][-_LAST_LINES:]
    if code < 0:
        lines.append(f"(signal {-code}: stopped from outside, or out of memory)")
    return f"tuning {job.adapter_id[:16]} ended with {code}: " + "\n".join(lines)

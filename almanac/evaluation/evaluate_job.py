"""The evaluation's own process: `python -m almanac.evaluation.evaluate_job JOB_DIR`.

Reads job.json, adapter/ and cases.parquet, asks the base, the base with examples in its prompt
where the cases have some, and then base and adapter, and writes answers.parquet and merge.json;
each line of progress goes to standard output and to answers.progress.jsonl. What is done stands in
answers.jsonl, so a killed process goes on after its last batch and comes to the same bytes. Uses no
network.

A job's `evaluation` may set `max_new_tokens` (of an answer; as the right answers need unless set)
and `batch_tokens` (of a padded batch).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from almanac.core.files import write_whole
from almanac.evaluation.answers import Answered, write_answers
from almanac.evaluation.cases import read_cases
from almanac.evaluation.generate import Prompt, Reply, ask, batches, tokenised
from almanac.evaluation.merging import merge_check
from almanac.training.base import open_base
from almanac.training.jobs import Job, open_job
from almanac.training.worker_main import on_job
from schemas.errors import TuningFailed
from schemas.hashing import canonical_json, sha256_bytes, sha256_text

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Of an answer: twice what nearly all right ones take, at a token for four bytes.
_NEW_TOKENS = (128, 512)
_NEARLY_ALL = 0.95
# On a processor padding costs more than small batches do; a GPU waits on small ones.
_BATCH_TOKENS = {"cpu": 2048, "cuda": 32_768}
_MERGE_PROMPTS = 4
_WHO = ("base", "examples", "adapter")


def main(arguments: list[str]) -> int:
    """Answer the cases of one job; 1 and a line on standard error where it cannot be done."""
    return on_job("almanac.evaluation.evaluate_job", answer, arguments)


def answer(folder: Path, out: TextIO) -> None:
    """Do what is left to do of a job's cases.

    Raises:
        TuningFailed: there is no adapter or no case, or another process is at work on the job.
    """
    job = open_job(folder)
    for name in ("cases.parquet", "adapter/adapter_model.safetensors"):
        if not (folder / name).is_file():
            raise TuningFailed(f"{folder.name} cannot be evaluated: it has no {name}")
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "lock", timeout=0):
            _answer(job, out)
    except Timeout:
        raise TuningFailed(f"another process is at work on {folder.name}") from None


def _answer(job: Job, out: TextIO) -> None:
    limits = _limits(job)
    journal = Journal(job.folder / "answers.jsonl", _made_of(job, limits))
    if journal.merge is None:
        _settle(job)
        _ask_all(job, limits, journal, ProgressLines(job.folder / "answers.progress.jsonl", out))
    case_ids = [case.case_id for case in read_cases(job.folder / "cases.parquet")]
    write_answers((journal.answered(one) for one in case_ids), job.folder / "answers.parquet")
    write_whole(job.folder / "merge.json", (canonical_json(journal.merge) + "\n").encode())


def _ask_all(job: Job, limits: dict[str, int], journal: Journal, progress: ProgressLines) -> None:
    from peft import PeftModel

    base, tokenizer = open_base(job.base, job.recipe.precision, job.recipe.device)
    most, window = limits["max_new_tokens"], _window(base)
    asked = _tokenised(job, tokenizer, most, window)
    plans = {who: batches(asked, **limits) for who in ("base", "adapter")}
    plans["examples"] = batches(_tokenised(job, tokenizer, most, window, shown=True), **limits)
    model: Any = PeftModel.from_pretrained(base, job.adapter)
    model.eval()
    for who in _WHO:
        for at, batch in enumerate(plans[who]):
            if not journal.has(who, at):
                with nullcontext() if who == "adapter" else model.disable_adapter():
                    said = ask(model, tokenizer, batch, most)
                journal.add(who, at, batch, said)
            progress.write(who, at + 1, len(plans[who]))
    if job.recipe.precision != "float32":
        base, _ = open_base(job.base, "float32", "cpu")
        model = PeftModel.from_pretrained(base, job.adapter)
        model.eval()
    prompts = sorted(asked, key=lambda one: one.case_id)[:_MERGE_PROMPTS]
    journal.merged(merge_check(model, [one.prompt + one.chosen for one in prompts]))
    progress.write("merge", 1, 1)


def _tokenised(
    job: Job,
    tokenizer: PreTrainedTokenizerBase,
    max_new_tokens: int,
    window: int,
    shown: bool = False,
) -> list[Prompt]:
    """The cases that fit the model's window; with `shown` those with examples in their prompt."""
    cases = read_cases(job.folder / "cases.parquet")
    every = (
        tokenised(tokenizer, one.case_id, one.prompt_with_examples, None, None)
        if shown
        else tokenised(tokenizer, one.case_id, one.prompt, one.reference, one.rejected)
        for one in cases
        if one.examples or not shown
    )
    fitting = [one for one in every if one.length(max_new_tokens) <= window]
    if not fitting and not shown:
        raise TuningFailed(f"no case of {job.folder.name} fits the model's {window} tokens")
    return fitting


def _limits(job: Job) -> dict[str, int]:
    said = job.spec.get("evaluation", {})
    most = _BATCH_TOKENS["cuda" if job.recipe.device == "cuda" else "cpu"]
    return {
        "max_new_tokens": int(said.get("max_new_tokens") or _new_tokens(job)),
        "most_tokens": int(said.get("batch_tokens", most)),
    }


def _new_tokens(job: Job) -> int:
    """Of an answer: enough for nearly all right ones, so that what is measured is not the cut."""
    cases = read_cases(job.folder / "cases.parquet")
    lengths = sorted(max(len(text.encode()) for text in one.references) for one in cases)
    least, most = _NEW_TOKENS
    long = lengths[int(_NEARLY_ALL * (len(lengths) - 1))] if lengths else 0
    return min(most, max(least, long // 2))


def _window(model: Any) -> int:
    return int(getattr(model.config, "max_position_embeddings", None) or sys.maxsize)


def _made_of(job: Job, limits: dict[str, int]) -> str:
    """A hash over all that decides the answers: another one, and they are asked for anew."""
    files = ("cases.parquet", "adapter/adapter_model.safetensors", "adapter/adapter_config.json")
    recipe = job.recipe
    return sha256_text(
        canonical_json(
            {
                "files": [sha256_bytes((job.folder / name).read_bytes()) for name in files],
                "base": job.base.sha256,
                "libraries": job.spec["libraries"],
                "runs": [recipe.precision, recipe.device, recipe.threads],
                "limits": limits,
            }
        )
    )


def _settle(job: Job) -> None:
    import torch

    torch.set_num_threads(job.recipe.threads)
    torch.use_deterministic_algorithms(True, warn_only=job.recipe.device == "cuda")


class Journal:
    """answers.jsonl: what the answers are made of, then a line a batch, and the merge check last.

    A torn last line is that of a process that was killed; what is made of something else is begun
    anew.
    """

    def __init__(self, file: Path, made_of: str) -> None:
        self.merge: dict[str, Any] | None = None
        self._said: dict[str, dict[str, Reply]] = {who: {} for who in _WHO}
        self._batches: set[tuple[str, int]] = set()
        first, *lines = list(_whole_lines(file)) or [{}]
        if first != {"made_of": made_of}:
            first, lines = {"made_of": made_of}, []
        write_whole(file, "".join(f"{canonical_json(one)}\n" for one in (first, *lines)).encode())
        self._file = file
        for line in lines:
            self._take(line)

    def has(self, who: str, batch: int) -> bool:
        """Whether that batch is done."""
        return (who, batch) in self._batches

    def add(self, who: str, batch: int, asked: Iterable[Prompt], said: Iterable[Reply]) -> None:
        """Keep the answers to a batch."""
        pairs = zip(asked, said, strict=True)
        rows = [[one.case_id, *astuple(given)] for one, given in pairs]
        self._append({"who": who, "batch": batch, "said": rows})

    def merged(self, result: dict[str, Any]) -> None:
        """Keep the merge check."""
        self._append({"merge": result})

    def answered(self, case_id: str) -> Answered:
        """Both answers to a case."""
        base, examples, adapter = (self._said[who].get(case_id) for who in _WHO)
        if base is None or adapter is None:
            return Answered(case_id, None, None)
        return Answered(
            case_id,
            base_answer=base.answer,
            adapter_answer=adapter.answer,
            base_chosen=base.chosen,
            base_rejected=base.rejected,
            adapter_chosen=adapter.chosen,
            adapter_rejected=adapter.rejected,
            examples_answer=examples.answer if examples else None,
        )

    def _append(self, line: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as out:
            out.write(canonical_json(line) + "\n")
        self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        if "merge" in line:
            self.merge = line["merge"]
            return
        self._batches.add((line["who"], line["batch"]))
        self._said[line["who"]] |= {case_id: Reply(*said) for case_id, *said in line["said"]}


class ProgressLines:
    """Lines of progress: phase (base, examples, adapter, merge), done, of (batches), seconds."""

    def __init__(self, file: Path, out: TextIO) -> None:
        self._file, self._out, self._began = file, out, time.monotonic()

    def write(self, phase: str, done: int, of: int) -> None:
        """To the file, and to the caller."""
        seconds = round(time.monotonic() - self._began, 3)
        line = json.dumps({"phase": phase, "done": done, "of": of, "seconds": seconds}) + "\n"
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line)
        self._out.write(line)
        self._out.flush()


def _whole_lines(file: Path) -> Iterator[dict[str, Any]]:
    if file.is_file():
        text = file.read_text(encoding="utf-8")
        yield from map(json.loads, text[: text.rfind("\n") + 1].splitlines())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

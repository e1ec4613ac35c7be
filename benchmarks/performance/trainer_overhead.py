"""Tokens a second of Almanac's trainer against a bare trl script of the same recipe.

    python benchmarks/performance/trainer_overhead.py [--base small] [--steps 8] [--repeat 3]

The two take turns, each in a process of its own, on the same made-up examples with the same
numbers of threads and steps. Compared are the fastest runs of each, so that what else the machine
does counts little. Time is that of the training steps, as trl's own log ends them, without loading,
evaluation and checkpoints.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from almanac.training.base import resolve_base
from almanac.training.jobs import Job, prepare, run
from almanac.training.recipe import load_recipe
from schemas.settings import TuningSettings

_BARE = """
import json, os, sys, time
os.environ["HF_HUB_OFFLINE"] = "1"
spec = json.loads(sys.argv[1])
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(spec["threads"])
import torch, trl
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
torch.set_num_threads(spec["threads"])
kind = {"sft": (trl.SFTTrainer, trl.SFTConfig), "dpo": (trl.DPOTrainer, trl.DPOConfig),
        "kto": (trl.KTOTrainer, trl.KTOConfig)}[spec["method"]]
model = AutoModelForCausalLM.from_pretrained(
    spec["base"], dtype=getattr(torch, spec["precision"]), device_map={"": spec["device"]})

class Clock(TrainerCallback):
    seconds = tokens = 0
    def on_train_begin(self, *a, **k): self.mark = time.monotonic()
    def on_log(self, args, state, control, logs=None, **k):
        if "loss" in logs:
            self.seconds += time.monotonic() - self.mark
            self.mark, self.tokens = time.monotonic(), logs["num_tokens"]

clock = Clock()
trainer = kind[0](
    model=model, args=kind[1](**spec["arguments"]),
    train_dataset=Dataset.from_parquet(spec["data"]),
    processing_class=AutoTokenizer.from_pretrained(spec["base"]),
    peft_config=LoraConfig(task_type="CAUSAL_LM", **spec["lora"]), callbacks=[clock])
trainer.train()
with open(spec["out"], "w") as out:
    json.dump(clock.tokens / clock.seconds, out)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--base", default="small")
    options.add_argument("--method", default="sft", choices=["sft", "dpo", "kto"])
    options.add_argument("--steps", type=int, default=8)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    said = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare(said, Path(folder))


def compare(said: argparse.Namespace, folder: Path) -> None:
    base = resolve_base(TuningSettings(base=said.base))
    recipe = load_recipe(
        said.method, max_steps=said.steps, threads=said.threads, eval_steps=1000, save_steps=1000
    )
    make_views(folder / "data", said.method, said.steps * recipe.batch_size)
    ours, bare = [], []
    for turn in range(said.repeat):
        job = prepare(folder / "data", "0" * 64, base, recipe, folder / f"jobs-{turn}")
        ours.append(run(job, lambda row: None)["tokens_per_second"])
        bare.append(run_bare(job, folder))
        print(f"turn {turn + 1}: ours {ours[-1]:.1f}, bare {bare[-1]:.1f} tokens/s", flush=True)
    used = job.recipe
    print(
        f"{said.method}, {used.device}, {used.precision}, {used.threads} threads: best of "
        f"{said.repeat}: ours {max(ours):.1f}, bare {max(bare):.1f}, "
        f"ratio {max(ours) / max(bare):.3f}"
    )


def run_bare(job: Job, folder: Path) -> float:
    recipe = job.recipe
    arguments = {
        "output_dir": str(folder / "bare"),
        "max_steps": recipe.max_steps,
        "per_device_train_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": recipe.gradient_accumulation,
        "learning_rate": recipe.learning_rate,
        "bf16": recipe.precision == "bfloat16",
        "use_cpu": recipe.device == "cpu",
        "activation_checkpointing": recipe.activation_checkpointing,
        "logging_steps": 1,
        "save_strategy": "no",
        "seed": recipe.seed,
        "report_to": "none",
    }
    if recipe.method != "sft":
        arguments["precompute_ref_log_probs"] = True
    if recipe.method == "dpo":
        arguments |= {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, recipe.sft_weight]}
    lora = recipe.lora
    spec = {
        "base": str(job.base.path),
        "method": recipe.method,
        "threads": recipe.threads,
        "precision": recipe.precision,
        "device": recipe.device,
        "data": str(job.folder / "data" / recipe.method / "train.parquet"),
        "lora": {
            "r": lora.r,
            "lora_alpha": lora.alpha,
            "lora_dropout": lora.dropout,
            "target_modules": list(lora.target_modules),
        },
        "arguments": arguments,
        "out": str(folder / "bare.json"),
    }
    subprocess.run([sys.executable, "-c", _BARE, json.dumps(spec)], check=True, capture_output=True)
    return float((folder / "bare.json").read_text())


def make_views(folder: Path, method: str, rows: int) -> None:
    """Made-up examples of about 200 tokens with answers of about 15."""
    (folder / method).mkdir(parents=True)
    for side, count in (("train", rows), ("held_back", 2)):
        pq.write_table(
            pa.Table.from_pylist([row(method, number) for number in range(count)]),
            folder / method / f"{side}.parquet",
        )


def row(method: str, number: int) -> dict[str, object]:
    facts = " ".join(f"Room {number + k} of the house has {k + 2} windows." for k in range(16))
    prompt = [{"role": "user", "content": f"{facts}\n\nHow many windows has room {number}?"}]
    right = [{"role": "assistant", "content": f"Room {number} of the house has 2 windows."}]
    wrong = [{"role": "assistant", "content": f"I do not know about room {number}, I am sorry."}]
    if method == "sft":
        return {"prompt": prompt, "completion": right}
    if method == "dpo":
        return {"prompt": prompt, "chosen": right, "rejected": wrong}
    label = number % 2 == 0
    return {"prompt": prompt, "completion": right if label else wrong, "label": label}


if __name__ == "__main__":
    main()

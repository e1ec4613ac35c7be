"""trl's trainers, set by a recipe and watched by Almanac."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from transformers import PrinterCallback, TrainerCallback
from trl import (  # type: ignore[attr-defined]
    DPOConfig,
    DPOTrainer,
    KTOConfig,
    KTOTrainer,
    SFTConfig,
    SFTTrainer,
)

from almanac.training.checkpoints import folder_of, keep_only, seal
from almanac.training.progress import Progress, Row
from almanac.training.recipe import Recipe
from schemas.errors import TuningFailed

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import (
        PreTrainedModel,
        PreTrainedTokenizerBase,
        Trainer,
        TrainerControl,
        TrainerState,
        TrainingArguments,
    )

_KINDS = {
    "sft": (SFTTrainer, SFTConfig),
    "dpo": (DPOTrainer, DPOConfig),
    "kto": (KTOTrainer, KTOConfig),
}


class Watch(TrainerCallback):
    """Writes progress, seals checkpoints, and ends a run that no longer gets better."""

    def __init__(self, progress: Progress, recipe: Recipe, steps: int, checkpoints: Path) -> None:
        self._progress = progress
        self._steps = steps
        self._patience = recipe.patience
        self._checkpoints = checkpoints
        self._tokens, self._seconds = progress.last("tokens"), progress.last("train_seconds")
        self._seen = 0.0
        self._held: Row | None = None
        self._mark = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """The clock of the training steps starts."""
        self._mark = time.monotonic()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """A line for a training loss; where an evaluation follows, that one completes it."""
        if logs is None or "loss" not in logs:
            return
        self._seconds += time.monotonic() - self._mark
        self._tokens += int(logs["num_tokens"] - self._seen)
        self._seen = logs["num_tokens"]
        row = self._row(state) | {
            "loss": _finite(logs["loss"], "loss", state),
            "learning_rate": logs["learning_rate"],
        }
        if control.should_evaluate:
            self._held = row
        else:
            self._progress.add(row)
        self._mark = time.monotonic()

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """A line with the loss on the inner split, and the end where it has not fallen for long."""
        loss = _finite((metrics or {})["eval_loss"], "loss on the inner split", state)
        self._progress.add((self._held or self._row(state)) | {"eval_loss": loss})
        self._held = None
        if self._progress.stopped_early(self._patience):
            control.should_training_stop = True
        self._mark = time.monotonic()

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Seal the checkpoint, then let go of all but it and the best."""
        seal(folder_of(self._checkpoints, state.global_step))
        best = self._progress.best()
        keep_only(self._checkpoints, state.global_step, best["step"] if best else -1)
        self._mark = time.monotonic()

    def _row(self, state: TrainerState) -> Row:
        return {
            "step": state.global_step,
            "of": self._steps,
            "epoch": round(state.epoch or 0.0, 4),
            "loss": None,
            "eval_loss": None,
            "learning_rate": None,
            "tokens": self._tokens,
            "train_seconds": round(self._seconds, 3),
        }


def make_trainer(
    recipe: Recipe,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: pa.Table,
    held_back: pa.Table,
    checkpoints: Path,
) -> Trainer:
    """trl's trainer of the recipe's method, with a fresh adapter on the model.

    Raises:
        TuningFailed: trl left an example out.
    """
    from datasets import Dataset  # type: ignore[import-untyped]
    from peft import LoraConfig

    kind, config = _KINDS[recipe.method]
    data = Dataset(train)
    if recipe.method == "kto":
        # Its batches are taken in order, and pairs of the same prompt would stand side by side.
        data = data.shuffle(seed=recipe.seed)
    trainer: Any = kind(
        model=model,
        args=config(output_dir=str(checkpoints), **_arguments(recipe, train.num_rows)),
        train_dataset=data,
        eval_dataset=Dataset(held_back),
        processing_class=tokenizer,
        peft_config=LoraConfig(
            r=recipe.lora.r,
            lora_alpha=recipe.lora.alpha,
            lora_dropout=recipe.lora.dropout,
            target_modules=list(recipe.lora.target_modules),
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )
    trainer.remove_callback(PrinterCallback)
    for name, wanted, found in (
        ("train", train.num_rows, len(trainer.train_dataset)),
        ("held_back", held_back.num_rows, len(trainer.eval_dataset)),
    ):
        if wanted != found:
            raise TuningFailed(f"trl kept {found} of {wanted} examples of {name}")
    return cast("Trainer", trainer)


def _arguments(recipe: Recipe, rows: int) -> dict[str, Any]:
    steps = recipe.steps(rows)
    common: dict[str, Any] = {
        "max_steps": steps,
        "per_device_train_batch_size": recipe.micro_batch,
        "per_device_eval_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": recipe.gradient_accumulation,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": math.ceil(recipe.warmup * steps),
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "optim": "adamw_torch",
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "bf16": recipe.precision != "float32",
        "use_cpu": recipe.device == "cpu",
        "activation_checkpointing": recipe.activation_checkpointing,
        "max_length": None,  # Longer ones were refused; trl would cut them.
        "logging_steps": recipe.log_steps,
        "logging_nan_inf_filter": False,
        "eval_strategy": "steps",
        "eval_steps": recipe.eval_steps,
        "save_strategy": "steps",
        "save_steps": recipe.save_steps,
        "report_to": "none",
        "disable_tqdm": True,
    }
    return common | _of_method(recipe)


def _of_method(recipe: Recipe) -> dict[str, Any]:
    if recipe.method == "sft":
        return {"completion_only_loss": True}
    # The base's own probabilities never change: reckoned once, not at each step.
    preference = {"beta": recipe.beta, "precompute_ref_log_probs": True}
    if recipe.method == "kto":
        return preference | {
            "desirable_weight": recipe.desirable_weight,
            "undesirable_weight": recipe.undesirable_weight,
        }
    if not recipe.sft_weight:
        return preference | {"loss_type": ["sigmoid"]}
    return preference | {
        "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, recipe.sft_weight],
    }


def _finite(value: float, name: str, state: TrainerState) -> float:
    if not math.isfinite(value):
        raise TuningFailed(
            f"the {name} at step {state.global_step} is {value}: lower the learning rate"
        )
    return float(value)

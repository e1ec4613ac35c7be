"""A recipe: everything besides data and base that decides what an adapter becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import ConfigError
from schemas.examples import Method
from schemas.identity import identity_of_settings

_RECIPES = Path(__file__).parent / "recipes"
Weight = float | None
_LENGTH = 1024  # tokens of an example where neither recipe nor base says more
# What an adapter's id is made of since the first version; see `schemas.identity` for later keys.
_LORA = ("r", "alpha", "dropout", "target_modules")
_FIRST = (
    "method",
    "lora",
    "learning_rate",
    "schedule",
    "warmup",
    "weight_decay",
    "max_grad_norm",
    "epochs",
    "max_steps",
    "batch_size",
    "micro_batch",
    "max_length",
    "precision",
    "device",
    "activation_checkpointing",
    "seed",
    "threads",
    "log_steps",
    "save_steps",
    "eval_steps",
    "patience",
    "beta",
    "sft_weight",
    "desirable_weight",
    "undesirable_weight",
)


class Lora(BaseModel):
    """The low-rank matrices. No bias and no whole modules, so that vLLM and llama.cpp load them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    r: int = Field(default=16, ge=1, le=64, description="vLLM serves ranks up to 64.")
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: tuple[
        Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"], ...
    ] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Recipe(BaseModel):
    """One tune. A step is `batch_size` examples; lengths are in tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    lora: Lora = Lora()
    learning_rate: float = Field(gt=0)
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "cosine"
    warmup: float = Field(default=0.1, ge=0, lt=1, description="Share of all steps.")
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    epochs: int = Field(default=2, ge=1)
    max_steps: int | None = Field(default=None, ge=1, description="Ends earlier than the epochs.")
    batch_size: int = Field(default=8, ge=1, description="Examples of one optimizer step.")
    micro_batch: int | None = Field(
        default=None,
        ge=1,
        description="Of these, in memory at a time. On a processor 1 unless set (KTO 4): no time "
        "goes into padding; on a GPU all.",
    )
    max_length: int | None = Field(
        default=None,
        ge=16,
        description="Of prompt and answer; a longer one is refused, never cut. Unset: what the "
        "base reads at most.",
    )
    precision: Literal["auto", "float32", "bfloat16", "4bit"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    activation_checkpointing: bool = Field(default=False, description="Less memory, slower.")
    seed: int = Field(default=0, ge=0)
    threads: int = Field(default=2, ge=1, description="Another number gives another adapter.")
    log_steps: int = Field(default=1, ge=1)
    save_steps: int = Field(default=5, ge=1, description="A killed job resumes from the last one.")
    eval_steps: int = Field(
        default=10,
        ge=1,
        description="The loss on the inner split, by which the best checkpoint is kept.",
    )
    patience: int | None = Field(
        default=3, ge=1, description="Evaluations in a row that are no better end the tune."
    )
    beta: float = Field(default=0.1, gt=0, description="DPO, KTO: how close to stay to the base.")
    sft_weight: float = Field(default=0.0, ge=0, description="DPO: of the SFT loss on the chosen.")
    desirable_weight: Weight = Field(default=None, gt=0, description="KTO: from counts unless set.")
    undesirable_weight: Weight = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _in_step(self) -> Self:
        # The best checkpoint can be kept only where each evaluation meets one.
        if self.save_steps % self.log_steps or self.eval_steps % self.save_steps:
            raise ValueError("log_steps must divide save_steps, and save_steps eval_steps")
        if self.batch_size % (self.micro_batch or 1):
            raise ValueError("micro_batch must divide batch_size")
        if self.method == "kto" and (self.micro_batch or self.batch_size) < 2:
            raise ValueError("KTO compares within a micro batch: it must have 2 examples or more")
        return self

    @property
    def gradient_accumulation(self) -> int:
        """Micro batches of a step."""
        return self.batch_size // (self.micro_batch or self.batch_size)

    def steps(self, rows: int) -> int:
        """Optimizer steps on so many examples."""
        every = self.epochs * -(-rows // self.batch_size)
        return min(every, self.max_steps or every)


def recipe_identity(recipe: Recipe) -> dict[str, Any]:
    """The keys of a recipe that an adapter is named by, as plain JSON values."""
    lora = identity_of_settings(recipe.lora, _LORA)
    return identity_of_settings(recipe, _FIRST) | {"lora": lora}


def load_recipe(name_or_file: str | Path, **overrides: Any) -> Recipe:
    """A recipe of Almanac's own (sft, dpo, kto) or of a YAML file.

    Args:
        name_or_file: the name or the path.
        overrides: keys of the recipe that win over the file; None leaves the file's.

    Raises:
        ConfigError: there is no such recipe, it is no YAML, or a key or value is not allowed.
    """
    own = _RECIPES / f"{name_or_file}.yaml"
    file = own if own.is_file() else Path(name_or_file).expanduser()
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in _RECIPES.glob("*.yaml")))
        raise ConfigError(f"there is no recipe {name_or_file}: say {known}, or the path of a file")
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid YAML: {error}") from None
    if not isinstance(said, dict):
        raise ConfigError(f"{file} holds no table of keys and values")
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Recipe(**(said | given))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "as a whole"
        raise ConfigError(
            f"recipe {file.name}, {key}: {first['msg']} (found {first.get('input')!r})"
        ) from None


def resolve(
    recipe: Recipe, desirable: int = 0, undesirable: int = 0, window: int | None = None
) -> Recipe:
    """The recipe with nothing left open, as it enters an adapter's id.

    `auto` is a GPU where there is one, and bfloat16 where the device multiplies it (a processor
    with AVX512-BF16 or AMX, which then trains nearly twice as fast as in float32).

    Args:
        recipe: as loaded.
        desirable: KTO examples labelled true; their weight and the other's level the two sums
            (the middle of the range of equation 8 in arXiv:2402.01306 begins there).
        undesirable: those labelled false.
        window: tokens that the base reads at most.

    Raises:
        ConfigError: the device or the precision is not to be had here.
    """
    import torch

    gpu = torch.cuda.is_available()
    device = recipe.device if recipe.device != "auto" else "cuda" if gpu else "cpu"
    if device == "cuda" and not gpu:
        raise ConfigError("the recipe asks for cuda, and there is no such device: set device: cpu")
    precision = recipe.precision
    if precision == "auto":
        native = device == "cuda" or torch.cpu._is_avx512_bf16_supported()
        precision = "bfloat16" if native else "float32"
    if precision == "4bit":
        _refuse_4bit(device)
    few = 1
    if recipe.method == "kto":
        few = next(n for n in (4, 2, 3, recipe.batch_size) if recipe.batch_size % n == 0)
    found: dict[str, Any] = {
        "device": device,
        "precision": precision,
        "max_length": recipe.max_length or window or _LENGTH,
        "micro_batch": recipe.micro_batch or (recipe.batch_size if device == "cuda" else few),
    }
    if recipe.method == "kto":
        ratio = desirable / undesirable if desirable and undesirable else 1.0
        found["desirable_weight"] = recipe.desirable_weight or max(1.0, 1 / ratio)
        found["undesirable_weight"] = recipe.undesirable_weight or max(1.0, ratio)
    return Recipe(**(recipe.model_dump() | found))


def _refuse_4bit(device: str) -> None:
    from importlib.util import find_spec

    if device != "cuda":
        raise ConfigError("4bit needs a GPU: set precision: float32 or bfloat16")
    if find_spec("bitsandbytes") is None:
        raise ConfigError("4bit needs the package bitsandbytes: install it, or set bfloat16")

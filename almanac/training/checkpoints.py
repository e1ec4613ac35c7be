"""Checkpoints that are known to be whole, and the adapter that the best of them becomes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from almanac.core.files import write_whole
from almanac.training.base import Base
from almanac.training.jobs import replace_folder

_SEAL = "whole.json"
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


def folder_of(checkpoints: Path, step: int) -> Path:
    """Where transformers writes the checkpoint of a step."""
    return checkpoints / f"checkpoint-{step}"


def seal(checkpoint: Path) -> None:
    """Write down the hash of each file, last: a checkpoint without it, or unlike it, is not one."""
    write_whole(checkpoint / _SEAL, json.dumps(_hashes(checkpoint), sort_keys=True).encode())


def newest_whole(checkpoints: Path) -> int | None:
    """The step to go on from, if any; what was written after it, or by halves, is removed."""
    for step in sorted(_steps(checkpoints), reverse=True):
        checkpoint = folder_of(checkpoints, step)
        seal_file = checkpoint / _SEAL
        if seal_file.is_file() and json.loads(seal_file.read_text()) == _hashes(checkpoint):
            return step
        shutil.rmtree(checkpoint)
    return None


def keep_only(checkpoints: Path, *steps: int) -> None:
    """Remove all other checkpoints."""
    for step in set(_steps(checkpoints)) - set(steps):
        shutil.rmtree(folder_of(checkpoints, step))


def publish(checkpoint: Path, base: Base, adapter: Path) -> None:
    """The adapter of a checkpoint as two files that say nothing of this machine.

    peft writes the base's path, and the modules in the order of a set: neither goes on.
    """
    config = json.loads((checkpoint / CONFIG).read_text(encoding="utf-8"))
    config |= {
        "base_model_name_or_path": base.name,
        "revision": base.revision if base.on_hub else None,
        "target_modules": sorted(config["target_modules"]),
        "inference_mode": True,
    }
    part = adapter.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    shutil.copyfile(checkpoint / WEIGHTS, part / WEIGHTS)
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (part / CONFIG).write_text(text, encoding="utf-8")
    replace_folder(part, adapter)


def _steps(checkpoints: Path) -> list[int]:
    return [int(path.name.rpartition("-")[2]) for path in checkpoints.glob("checkpoint-*")]


def _hashes(checkpoint: Path) -> dict[str, str]:
    found = {}
    for file in sorted(checkpoint.iterdir()):
        if file.name != _SEAL and file.suffix != ".part":
            with file.open("rb") as content:
                found[file.name] = hashlib.file_digest(content, "sha256").hexdigest()
    return found

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from almanac.training.base import Base, open_base, resolve_base
from schemas.errors import ConfigError, TuningFailed
from schemas.settings import TuningSettings
from tests.training.tiny import make_tiny_base


def test_the_tiny_base_is_the_same_each_time(tiny_base: Base, tmp_path: Path) -> None:
    again = resolve_base(TuningSettings(base=str(make_tiny_base(tmp_path / "tiny-llama"))))
    weights = hashlib.sha256((tiny_base.path / "model.safetensors").read_bytes()).hexdigest()
    assert (again.name, again.revision, again.sha256) == ("tiny-llama", tiny_base.revision, weights)
    assert Base.from_json(tiny_base.as_json()) == tiny_base


def test_a_base_opens_with_a_pad_token_that_is_not_the_end(tiny_base: Base) -> None:
    model, tokenizer = open_base(tiny_base, "float32", "cpu")
    assert sum(weight.numel() for weight in model.parameters()) == 125_760
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    said = "что? what the conwert"
    assert tokenizer.decode(tokenizer(said)["input_ids"]) == said


def test_a_base_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        resolve_base(TuningSettings(base=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="no weights as safetensors"):
        resolve_base(TuningSettings(base=str(tmp_path)))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TuningFailed, match="nobody/nothing is no folder and cannot be had"):
        resolve_base(TuningSettings(base="nobody/nothing"))

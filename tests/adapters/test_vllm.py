"""What vLLM's loader refuses is refused here; what peft makes of a plain LoRA is not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from almanac.adapters.reading import fetching
from almanac.adapters.tensors import read_tensors
from almanac.adapters.vllm import max_lora_rank, problems
from tests.adapters.conftest import House, MakeJob


@pytest.fixture
def folder(job: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(job / "adapter", tmp_path / "adapter"))


def configure(folder: Path, **changes: Any) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_plain_adapter_of_peft_is_sound(folder: Path) -> None:
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"use_dora": True}, ["use_dora is set"]),
        ({"modules_to_save": ["lm_head"]}, ["modules_to_save is set"]),
        ({"rank_pattern": {"q_proj": 8}}, ["rank_pattern is set"]),
        ({"lora_bias": True}, ["lora_bias is set"]),
        ({"bias": "all"}, ["bias is all, not none"]),
        ({"r": 1024}, ["the rank 1024 is not within 1 to 512"]),
        ({"use_rslora": True}, []),
    ],
)
def test_what_peft_can_make_and_vllm_cannot_load(
    make_job: MakeJob, options: dict[str, Any], said: list[str]
) -> None:
    assert problems(make_job(**options) / "adapter") == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"init_lora_weights": "pissa"}, "init_lora_weights is pissa, which changes the base"),
        ({"peft_type": "LOHA"}, "peft_type is LOHA"),
        ({"r": 8}, "is not of rank 8"),
        ({"r": "4"}, "the rank 4 is not within"),
    ],
)
def test_other_configurations(folder: Path, changes: dict[str, Any], said: str) -> None:
    configure(folder, **changes)
    assert said in problems(folder)[0]


def test_tensors_are_looked_at(folder: Path) -> None:
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    first, second, *_ = sorted(tensors)
    module = first.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
    save_file({name: one for name, one in tensors.items() if name != second}, file)
    assert problems(folder) == [f"{module} has no other half"]
    save_file(tensors | {first: np.full_like(tensors[first], np.nan)}, file)
    assert problems(folder) == [f"{first} has values that are not finite"]
    name = first.replace(".lora_A.weight", ".lora_A.default.weight")
    save_file(tensors | {name: tensors[first]}, file)
    assert problems(folder) == [f"{name} is no LoRA weight of a linear layer"]
    file.unlink()
    assert problems(folder) == ["adapter_model.safetensors is missing"]
    (folder / "adapter_config.json").write_text("{")
    assert "adapter_config.json is no JSON" in problems(folder)[0]


def test_bfloat16_reads_as_the_floats_it_stands_for() -> None:
    import torch
    from safetensors.torch import save

    values = torch.tensor([[1.5, -2.0], [3e38, 0.15625]])
    data = save({"b": values.bfloat16(), "f": values, "h": values[:1].half()})
    found = read_tensors(data)
    assert found["b"].tolist() == values.bfloat16().float().tolist()
    assert (found["f"].tolist(), found["h"].tolist()) == (values.tolist(), [[1.5, -2.0]])


def test_the_rank_to_serve_with() -> None:
    assert [max_lora_rank(rank) for rank in (1, 4, 8, 9, 64, 512)] == [1, 8, 8, 16, 64, 512]


def test_a_fetched_folder_loads_in_peft_and_names_the_command(
    house: House, tmp_path: Path, tiny_base: Any
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    house.offer("a1b2c3d4e5f60718", base={"name": "org/tiny"})
    told = fetching(house.settings, "a1b2", tmp_path / "out")
    assert told["vllm"] == (
        "vllm serve org/tiny --enable-lora --max-lora-rank 8 "
        f"--lora-modules almanac-documents-a1b2c3d4e5f6={tmp_path / 'out'}"
    )
    assert problems(tmp_path / "out") == []
    base = AutoModelForCausalLM.from_pretrained(tiny_base.path)
    model = PeftModel.from_pretrained(base, str(tmp_path / "out"))
    assert model.peft_config["default"].r == 4

"""The GGUF file of an adapter, against what llama.cpp's own converter makes by definition."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFReader, GGUFWriter

from almanac.adapters.lora_gguf import write_lora
from almanac.adapters.tensors import read_tensors
from schemas.errors import AdapterRefused

HEADS, KEY_HEADS, SIZE, INNER = 4, 2, 64, 128  # of tests.tuning.tiny


def make_base(file: Path, architecture: str = "llama", size: int = SIZE) -> Path:
    """The header and the shapes of a base: all that the conversion looks at."""
    writer = GGUFWriter(file, architecture)
    writer.add_block_count(2)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    key = size * KEY_HEADS // HEADS
    shapes = {
        "attn_q": (size, size),
        "attn_k": (key, size),
        "attn_v": (key, size),
        "attn_output": (size, size),
        "ffn_gate": (INNER, size),
        "ffn_up": (INNER, size),
        "ffn_down": (size, INNER),
    }
    for block in (0, 1):
        for name, shape in shapes.items():
            writer.add_tensor(f"blk.{block}.{name}.weight", np.zeros(shape, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def read(file: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    reader = GGUFReader(file)
    fields = {key: one.contents() for key, one in reader.fields.items() if "." in key}
    return fields, {one.name: np.array(one.data) for one in reader.tensors}


def tensors_of(folder: Path) -> dict[str, np.ndarray]:
    return read_tensors((folder / "adapter_model.safetensors").read_bytes())


@pytest.fixture
def folder(job: Path) -> Path:
    return job / "adapter"


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "qwen3"])
def test_every_matrix_comes_under_the_name_of_the_base(
    folder: Path, tmp_path: Path, architecture: str
) -> None:
    write_lora(folder, make_base(tmp_path / "base", architecture), tmp_path / "lora")
    fields, found = read(tmp_path / "lora")
    assert fields["general.type"] == "adapter" and fields["adapter.type"] == "lora"
    assert (fields["general.architecture"], fields["adapter.lora.alpha"]) == (architecture, 8.0)
    mine = tensors_of(folder)
    assert len(found) == len(mine) == 2 * 7 * 2
    module = "base_model.model.model.layers.1"
    for theirs, name in (
        ("ffn_down.weight.lora_a", "mlp.down_proj.lora_A"),
        ("attn_v.weight.lora_b", "self_attn.v_proj.lora_B"),
        ("attn_q.weight.lora_a", "self_attn.q_proj.lora_A"),
    ):
        assert np.array_equal(found[f"blk.1.{theirs}"], mine[f"{module}.{name}.weight"])


@pytest.mark.parametrize(("module", "heads"), [("q", HEADS), ("k", KEY_HEADS)])
def test_rows_of_query_and_key_go_from_halves_to_pairs(
    folder: Path, tmp_path: Path, module: str, heads: int
) -> None:
    write_lora(folder, make_base(tmp_path / "base"), tmp_path / "lora")
    rows = tensors_of(folder)[
        f"base_model.model.model.layers.0.self_attn.{module}_proj.lora_B.weight"
    ]
    per_head = len(rows) // heads
    half = per_head // 2
    order = [
        head * per_head + part * half + at
        for head in range(heads)
        for at in range(half)
        for part in (0, 1)
    ]
    assert order != list(range(len(rows)))
    _, found = read(tmp_path / "lora")
    assert np.array_equal(found[f"blk.0.attn_{module}.weight.lora_b"], rows[order])


def test_the_scale_of_rslora_is_kept(folder: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copytree(folder, tmp_path / "adapter"))
    config = json.loads((mine / "adapter_config.json").read_text())
    (mine / "adapter_config.json").write_text(json.dumps(config | {"use_rslora": True}))
    write_lora(mine, make_base(tmp_path / "base"), tmp_path / "lora")
    alpha = read(tmp_path / "lora")[0]["adapter.lora.alpha"]
    assert math.isclose(alpha / 4, 8 / math.sqrt(4))


def test_another_base_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterRefused, match="it is another base"):
        write_lora(folder, make_base(tmp_path / "a", size=32), tmp_path / "lora")
    with pytest.raises(AdapterRefused, match=r"of architecture gemma; .* serve others with vLLM"):
        write_lora(folder, make_base(tmp_path / "b", "gemma"), tmp_path / "lora")
    (tmp_path / "c").write_bytes(b"no GGUF" * 10)
    with pytest.raises(AdapterRefused, match="cannot be read as GGUF"):
        write_lora(folder, tmp_path / "c", tmp_path / "lora")

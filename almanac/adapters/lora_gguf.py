"""A peft LoRA adapter as the GGUF file that llama.cpp takes beside a GGUF base.

The format is that of llama.cpp's `convert_lora_to_gguf.py`: matrices A (rank, in) and B (out, rank)
under the base's tensor names, and alpha, from which llama.cpp computes alpha / rank. Llama-like
bases keep query and key rows in another order there (`LlamaModel.permute` in its converter), so B's
rows follow.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almanac.adapters.files import CONFIG, WEIGHTS
from almanac.adapters.tensors import read_tensors
from schemas.errors import AdapterRefused

Matrix = NDArray[np.float32]
_PERMUTED = {"llama": True, "qwen2": False, "qwen3": False}  # architectures known here


@dataclass(frozen=True, slots=True)
class GgufBase:
    """What the header of a base's file says; `shapes` are (out, in) by tensor name."""

    architecture: str
    heads: int
    key_heads: int
    blocks: int
    shapes: Mapping[str, tuple[int, ...]]


def write_lora(folder: Path, base: Path, target: Path) -> None:
    """Write the adapter in `folder` to `target`, for the base in the GGUF file `base`.

    Raises:
        AdapterRefused: the base is no GGUF, of an architecture that is not known here, or does not
            have the matrices that the adapter changes.
    """
    from gguf import GGUFType, GGUFWriter, Keys

    header = read_header(base)
    config = json.loads((folder / CONFIG).read_bytes())
    rank, alpha = config["r"], float(config["lora_alpha"])
    writer = GGUFWriter(target, header.architecture)
    writer.add_type(GGUFType.ADAPTER)
    writer.add_string(Keys.Adapter.TYPE, "lora")
    # rsLoRA scales by alpha / sqrt(rank), llama.cpp always by alpha / rank.
    scaled = alpha * math.sqrt(rank) if config.get("use_rslora") else alpha
    writer.add_float32(Keys.Adapter.LORA_ALPHA, scaled)
    for name, matrix in _renamed(read_tensors((folder / WEIGHTS).read_bytes()), header).items():
        writer.add_tensor(name, matrix)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_header(file: Path) -> GgufBase:
    """Architecture and shapes of a GGUF base; raises AdapterRefused as `write_lora` does."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
    except (OSError, ValueError) as error:
        raise AdapterRefused(f"{file} cannot be read as GGUF: {error}") from None

    def said(key: str) -> Any:
        field = reader.get_field(key)
        return field.contents() if field else None

    kind = said("general.architecture")
    if kind not in _PERMUTED:
        raise AdapterRefused(
            f"{file.name} is of architecture {kind}; the local server takes adapters of "
            f"{', '.join(_PERMUTED)}: serve others with vLLM"
        )
    heads = said(f"{kind}.attention.head_count")
    return GgufBase(
        architecture=kind,
        heads=heads,
        key_heads=said(f"{kind}.attention.head_count_kv") or heads,
        blocks=said(f"{kind}.block_count"),
        shapes={one.name: tuple(reversed(one.shape.tolist())) for one in reader.tensors},
    )


def _renamed(tensors: Mapping[str, Matrix], header: GgufBase) -> dict[str, Matrix]:
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map

    kinds = {name: kind for kind, name in MODEL_ARCH_NAMES.items()}
    kind: MODEL_ARCH = kinds[header.architecture]
    names = get_tensor_name_map(kind, header.blocks)
    found: dict[str, Matrix] = {}
    for name, matrix in tensors.items():
        module, _, half = name.removeprefix("base_model.model.").partition(".lora_")
        theirs = names.get_name(module) or module
        shape, is_b = header.shapes.get(f"{theirs}.weight"), half.startswith("B")
        if shape is None or shape[0 if is_b else 1] != matrix.shape[0 if is_b else 1]:
            raise AdapterRefused(f"{module} is not in the base of that shape: it is another base")
        if is_b and _PERMUTED[header.architecture]:
            matrix = _permuted(module, matrix, header)
        found[f"{theirs}.weight.lora_{'b' if is_b else 'a'}"] = np.ascontiguousarray(matrix)
    return found


def _permuted(module: str, matrix: Matrix, header: GgufBase) -> Matrix:
    """Rows of one head from halves to pairs, as llama.cpp rotates them."""
    heads = {"q_proj": header.heads, "k_proj": header.key_heads}.get(module.rpartition(".")[2])
    if heads is None:
        return matrix
    rows, rank = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, rank).swapaxes(1, 2).reshape(rows, rank)

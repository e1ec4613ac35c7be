"""Would vLLM load this adapter? Its own rules, read where it keeps them.

`vllm/lora/peft_helper.py` (`PEFTHelper`: the configuration), `vllm/lora/lora_model.py` and
`parse_fine_tuned_lora_name` in `vllm/lora/utils.py` (the tensors), `MaxLoRARanks` in
`vllm/config/lora.py`. Where versions differ, the stricter one counts: older ones ignore
`rank_pattern` and `alpha_pattern`, which changes the answers silently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from almanac.adapters.tensors import read_tensors
from schemas.errors import AdapterRefused

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # that --max-lora-rank takes
_REQUIRED = ("r", "lora_alpha", "target_modules")
_MUST_BE_OFF = (
    "modules_to_save",
    "use_dora",
    "lora_bias",
    "alora_invocation_tokens",
    "layer_replication",
    "use_bdlora",
    "use_qalora",
    "rank_pattern",
    "alpha_pattern",
    "trainable_token_indices",
    "target_parameters",
)
# Others than these change the base model's own weights when peft loads the adapter.
_STARTS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
_NAME = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<half>[AB])\.weight")
_EMBEDDINGS = ("embed_tokens", "lm_head")


def problems(folder: Path) -> list[str]:
    """What keeps vLLM from loading the folder of a peft adapter; nothing for a sound one."""
    try:
        config = json.loads((folder / "adapter_config.json").read_bytes())
        tensors = read_tensors((folder / "adapter_model.safetensors").read_bytes())
    except FileNotFoundError as error:
        return [f"{Path(str(error.filename)).name} is missing"]
    except ValueError as error:
        return [f"adapter_config.json is no JSON: {error}"]
    except AdapterRefused as error:
        return [str(error)]
    wrong = list(_in_config(config))
    return wrong or list(_in_tensors(tensors, config["r"]))


def max_lora_rank(rank: int) -> int:
    """The least `--max-lora-rank` that an adapter of this rank needs."""
    return next(one for one in RANKS if one >= rank)


def _in_config(config: Mapping[str, Any]) -> Iterator[str]:
    if missing := [name for name in _REQUIRED if name not in config]:
        yield f"adapter_config.json lacks {', '.join(missing)}"
        return
    if config.get("peft_type", "LORA") != "LORA":
        yield f"peft_type is {config['peft_type']}, not LORA"
    if config.get("bias", "none") != "none":
        yield f"bias is {config['bias']}, not none"
    if not isinstance(config["r"], int) or not 0 < config["r"] <= RANKS[-1]:
        yield f"the rank {config['r']} is not within 1 to {RANKS[-1]}"
    start = config.get("init_lora_weights", True)
    if isinstance(start, str) and start.lower() not in _STARTS:
        yield f"init_lora_weights is {start}, which changes the base model"
    yield from (f"{name} is set" for name in _MUST_BE_OFF if config.get(name))


def _in_tensors(tensors: Mapping[str, NDArray[np.float32]], rank: int) -> Iterator[str]:
    halves: dict[str, set[str]] = {}
    for name, tensor in tensors.items():
        named = _NAME.fullmatch(name)
        if not named or named["module"].endswith(_EMBEDDINGS):
            yield f"{name} is no LoRA weight of a linear layer"
            continue
        halves.setdefault(named["module"], set()).add(named["half"])
        if tensor.ndim != 2 or tensor.shape["AB".index(named["half"])] != rank:
            yield f"{name} of shape {tensor.shape} is not of rank {rank}"
        elif not np.isfinite(tensor).all():
            yield f"{name} has values that are not finite"
    yield from (f"{module} has no other half" for module, one in halves.items() if len(one) == 1)
    if not tensors:
        yield "there are no weights"

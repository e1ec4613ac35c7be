"""Tensors of a safetensors file as arrays, without the library that trains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import AdapterRefused

_TYPES: dict[str, Any] = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}


def read_tensors(data: bytes) -> dict[str, NDArray[np.float32]]:
    """The tensors by name, in name order, as float32.

    Raises:
        AdapterRefused: the bytes are no safetensors, or a tensor is of another type than floats.
    """
    from safetensors import SafetensorError, deserialize

    try:
        found = dict(deserialize(data))  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise AdapterRefused(f"the weights are no safetensors file: {error}") from None
    return {name: _array(name, found[name]) for name in sorted(found)}


def _array(name: str, said: Any) -> NDArray[np.float32]:
    kind, shape = said["dtype"], said["shape"]
    if kind == "BF16":  # the upper half of a float32
        wide = np.frombuffer(said["data"], "<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(shape)
    if kind not in _TYPES:
        raise AdapterRefused(f"the weights have {name} as {kind}, not as floats")
    return np.frombuffer(said["data"], _TYPES[kind]).astype(np.float32).reshape(shape)

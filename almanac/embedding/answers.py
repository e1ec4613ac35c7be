"""Reading the answer of an embeddings endpoint."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray


class NotAnAnswer(Exception):
    """What is wrong with an answer, to be said after the name of who gave it."""


def vectors_in(body: bytes, expected: int) -> NDArray[np.float32]:
    """The vectors of an answer in the order of their indices, shape (expected, dimension).

    Raises:
        NotAnAnswer: there are more or fewer, they are numbered otherwise, or can't be read.
    """
    try:
        items = json.loads(body)["data"]
        found = {item["index"]: item["embedding"] for item in items}
    except (ValueError, KeyError, TypeError):
        raise NotAnAnswer("answered with something that is no list of vectors") from None
    if len(items) != expected or found.keys() != set(range(expected)):
        raise NotAnAnswer(
            f"answered with {len(items)} vectors, the first numbered {list(found)[:3]}, "
            f"where 0 to {expected - 1} were due"
        )
    try:
        vectors = np.stack([_vector(found[index]) for index in range(expected)])
    except (ValueError, TypeError) as error:
        raise NotAnAnswer(f"answered with vectors that can't be read: {error}") from None
    if vectors.ndim != 2:
        raise NotAnAnswer("answered with something else than one list of numbers a text")
    return vectors


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """`vectors`, none of them zero, at length 1."""
    wide = vectors.astype(np.float64)
    unit: NDArray[np.float32] = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit.astype(np.float32)


def _vector(value: Any) -> NDArray[np.float32]:
    """From base64 of little-endian float32, or from a list of numbers."""
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    with np.errstate(over="ignore"):
        return np.asarray(value, dtype=np.float32)

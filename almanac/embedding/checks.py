"""What goes into a model and what comes out of one, checked alike for every model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.errors import EmbeddingFailed, TextRefused


def refuse_unusable(texts: Sequence[str]) -> None:
    """Refuse what no model can embed: blank texts, and lone surrogates, which are no text.

    Raises:
        TextRefused: naming the first such text by its position.
    """
    for position, text in enumerate(texts):
        if not text.strip():
            raise TextRefused(position, "is empty: there is nothing to embed")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise TextRefused(
                position, f"holds half a character (a lone surrogate) at {error.start}"
            ) from None


def refuse_longer(lengths: Sequence[int], window: int, model: str) -> None:
    """Refuse texts that `model` would have to cut.

    Raises:
        TextRefused: naming the first such text by its position, and its length.
    """
    for position, length in enumerate(lengths):
        if length > window:
            raise TextRefused(
                position,
                f"has {length} tokens, and {model} reads {window}: "
                "it was not cut, chunk it smaller",
            )


def checked(
    vectors: NDArray[np.float32], positions: Sequence[int], dimension: int, model: str
) -> NDArray[np.float32]:
    """`vectors` itself, where it is one finite vector of `dimension` a position, none of them zero.

    Raises:
        EmbeddingFailed: it is not; TextRefused where single vectors can't be used.
    """
    due = (len(positions), dimension)
    if vectors.shape != due:
        raise EmbeddingFailed(f"{model} returned an array of {vectors.shape} where {due} was due")
    for bad, what in (
        (~np.isfinite(vectors).all(axis=1), "a vector with NaN or infinity"),
        (~vectors.any(axis=1), "a vector of zeros"),
    ):
        if bad.any():
            position = positions[int(bad.argmax())]
            raise TextRefused(
                position, f"got {what}", f"{model} returned {what} for text {position}"
            )
    return vectors

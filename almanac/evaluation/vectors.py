"""Vectors of texts of any length, by an encoder that refuses to cut what it cannot read whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.encoder import Encoder


def text_vectors(texts: Iterable[str], encoder: Encoder) -> dict[str, NDArray[np.float64]]:
    """The unit vector of each text, of shape (dimension,), equal texts encoded once.

    A text that is longer than the encoder's window is halved between words until its pieces fit;
    its vector is the mean of theirs, weighted by tokens. A text that the encoder knows no word of
    has none.

    Raises:
        EmbeddingFailed: the encoder gave no vectors.
    """
    wanted = sorted({text for text in texts if text.strip()})
    pieces = {text: list(_pieces(text, encoder)) for text in wanted}
    parts = sorted({piece for found in pieces.values() for piece, _ in found})
    if not parts:
        return {}
    made = dict(zip(parts, _unit(encoder.encode(parts).astype(np.float64)), strict=True))
    return {
        text: _unit(sum(tokens * made[piece] for piece, tokens in found))
        for text, found in pieces.items()
        if found
    }


def _pieces(text: str, encoder: Encoder) -> Iterator[tuple[str, int]]:
    """Pieces that fit the window, with their tokens; of one word that does not, its halves."""
    (tokens,) = encoder.count_tokens([text])
    empty = _markers(encoder)
    if tokens <= empty:
        return
    if tokens <= encoder.identity.window:
        yield text, tokens - empty
        return
    words = text.split()
    middle = len(words) // 2
    halves = (
        (" ".join(words[:middle]), " ".join(words[middle:]))
        if middle
        else (text[: len(text) // 2], text[len(text) // 2 :])
    )
    for half in halves:
        yield from _pieces(half, encoder)


def _markers(encoder: Encoder) -> int:
    """Tokens of nothing at all: what the model puts around every text."""
    return encoder.count_tokens([""])[0]


def _unit(made: NDArray[np.float64]) -> NDArray[np.float64]:
    norms = np.linalg.norm(made, axis=-1, keepdims=True)
    unit: NDArray[np.float64] = made / np.maximum(norms, 1e-12)
    return unit

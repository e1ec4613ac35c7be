from __future__ import annotations

import numpy as np
import pytest

from almanac.embedding.checks import checked, refuse_longer, refuse_unusable
from schemas.errors import EmbeddingFailed


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0"])
def test_blank_texts_are_refused(blank: str) -> None:
    with pytest.raises(EmbeddingFailed, match=r"^text 1 is empty"):
        refuse_unusable(["a", blank])


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(EmbeddingFailed, match=r"^text 0 holds half a character .* at 2"):
        refuse_unusable(["ab\udc80"])


def test_a_longer_text_is_refused() -> None:
    refuse_longer([256], 256, "english")
    with pytest.raises(EmbeddingFailed, match=r"^text 1 has 257 tokens, and english reads 256"):
        refuse_longer([256, 257], 256, "english")


def test_good_vectors_pass_untouched() -> None:
    vectors = np.ones((2, 3), dtype=np.float32)
    assert checked(vectors, [0, 1], 3, "m") is vectors


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused(bad: float) -> None:
    vectors = np.ones((2, 3), dtype=np.float32)
    vectors[1, 2] = bad
    with pytest.raises(
        EmbeddingFailed, match=r"^m returned a vector with NaN or infinity for text 8"
    ):
        checked(vectors, [7, 8], 3, "m")


def test_a_vector_of_zeros_is_refused() -> None:
    with pytest.raises(EmbeddingFailed, match=r"^m returned a vector of zeros for text 7"):
        checked(np.zeros((2, 3), dtype=np.float32), [7, 8], 3, "m")


@pytest.mark.parametrize("shape", [(1, 3), (3, 3), (2, 4), (2,)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(EmbeddingFailed, match=r"where \(2, 3\) was due"):
        checked(np.ones(shape, dtype=np.float32), [0, 1], 3, "m")

"""Answers may be longer than an embedder reads, or say nothing that it knows."""

from __future__ import annotations

import numpy as np
import pytest

from almanac.embedding.factory import open_encoder
from almanac.evaluation.vectors import text_vectors
from schemas.encoder import Encoder
from schemas.settings import EmbedderSettings

SHORT = "The printer on floor three wants a badge before it prints."


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(EmbedderSettings())


def test_a_long_text_is_near_what_it_repeats(encoder: Encoder) -> None:
    long = " ".join([SHORT] * 60)
    assert encoder.count_tokens([long])[0] > 2 * encoder.identity.window
    vectors = text_vectors([SHORT, long, "Cars are parked behind the building."], encoder)
    assert {vector.shape for vector in vectors.values()} == {(encoder.identity.dimension,)}
    assert all(abs(np.linalg.norm(vector) - 1) < 1e-9 for vector in vectors.values())
    other = vectors["Cars are parked behind the building."]
    assert vectors[long] @ vectors[SHORT] > 0.6 > vectors[long] @ other


def test_a_text_that_fits_has_the_encoders_own_vector(encoder: Encoder) -> None:
    found = text_vectors([SHORT], encoder)[SHORT]
    assert np.allclose(found, encoder.encode([SHORT])[0], atol=1e-6)


def test_one_endless_word_is_read_in_parts_and_nothing_has_no_vector(encoder: Encoder) -> None:
    found = text_vectors(["x" * 9_000, "\u200b", "  ", ""], encoder)
    assert list(found) == ["x" * 9_000]

"""Injections by meaning, however they are worded: one linear rule over a text's vector.

The packaged multilingual model embeds a text; 384 weights say how much it is like orders to a model
rather than like questions and documents. They were fitted by `benchmarks/quality/fit_injection.py`
on sentences of our own against real questions, and belong to these vectors alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from almanac.embedding.shared import shared_encoder
from almanac.guards.personal.name_forms import has_cyrillic
from schemas.encoder import Encoder
from schemas.errors import ConfigError
from schemas.settings import EmbedderSettings

Kind = Literal["question", "document", "addressed"]  # addressed: a document's words on models
WEIGHTS = Path(__file__).with_name("meaning.json")
_KEY = "guards: multilingual"


@dataclass(frozen=True, slots=True)
class _Rule:
    weights: NDArray[np.float32]
    bias: float
    limits: dict[str, float]


def excess(texts: Sequence[str], kinds: Sequence[Kind]) -> list[float]:
    """How far each text is over the limit of its kind: 0 or more is an injection.

    Raises:
        ConfigError: the package of the model is not installed, or has other weights.
    """
    if not texts:
        return []
    rule = _rule()
    scores = vectors(texts) @ rule.weights + rule.bias
    return [float(score) - rule.limits[kind] for score, kind in zip(scores, kinds, strict=True)]


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """One row a text, of length one."""
    return encoder().encode_queries(texts)


def centred(texts: Sequence[str]) -> NDArray[np.float32]:
    """Vectors without what all questions of a language share, of length one again.

    The model's vectors of any two questions are near each other; without their language's mean
    they tell what is asked.
    """
    means = _means()
    rows = vectors(texts) - np.array([means[_language(text)] for text in texts])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _language(text: str) -> str:
    return "ru" if has_cyrillic(text) else "en"


@cache
def _means() -> dict[str, NDArray[np.float32]]:
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))["question_means"]
    return {name: np.array(mean, np.float32) for name, mean in stored.items()}


def encoder() -> Encoder:
    """The packaged multilingual model, opened once a process."""
    return shared_encoder(_KEY, _settings)


def identity() -> dict[str, object]:
    """What decides the vectors."""
    return encoder().identity.as_json()


def _settings() -> EmbedderSettings:
    return EmbedderSettings(model="multilingual", threads=1)


@cache
def _rule() -> _Rule:
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    if stored["embedder"] != identity():
        raise ConfigError(
            "the installed model multilingual is not the one that the guard against injections was "
            "made with: install Almanac's own requirements"
        )
    return _Rule(np.array(stored["weights"], np.float32), stored["bias"], stored["limits"])

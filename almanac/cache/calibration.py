"""How near two questions must be for one answer, from pairs of which people said whether they ask
the same.

A pair is a hit where both have the same words (`almanac.cache.wording`) and a cosine of at least
the threshold. A hit of a pair that does not ask the same is false. Their share among such pairs is
known up to the Clopper-Pearson interval of 95 %; a threshold is found only where its upper end
stays under the limit, which without any false hit takes 736 pairs for 0.5 %.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from almanac.cache.wording import same_text, same_words
from almanac.embedding.factory import open_encoder
from schemas.encoder import Encoder
from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.text import normalized

LIMIT = 0.005  # of false hits, at the upper end of the interval
_CONFIDENCE = 0.95
_USUAL = 0.97  # of caches that look at the cosine alone, for comparison


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions, and whether one answer is right for both."""

    one: str
    other: str
    same: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair with the cosine of its questions, and whether their words are the same."""

    pair: Pair
    cosine: float
    agrees: bool


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a JSONL file: objects with `a`, `b` and `same`.

    Raises:
        ConfigError: the file can't be read, or a line is no pair; the message has its number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    return [_pair(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _pair(path: Path, number: int, line: str) -> Pair:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    row = row if isinstance(row, dict) else {}
    one, other, same = row.get("a"), row.get("b"), row.get("same")
    if not (isinstance(one, str) and isinstance(other, str) and isinstance(same, bool)):
        raise ConfigError(
            f'{path}, line {number} is no pair: write {{"a": "...", "b": "...", "same": true}}'
        )
    return Pair(one, other, same)


def judged(pairs: Sequence[Pair], encoder: Encoder) -> list[Judged]:
    """The pairs as the cache sees them. Raises EmbeddingFailed."""
    texts = list(dict.fromkeys(normalized(text) for one in pairs for text in (one.one, one.other)))
    if not texts:
        return []
    vectors = np.asarray(encoder.encode_queries(texts), np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    at = {text: vector for text, vector in zip(texts, vectors, strict=True)}
    cosines = [at[normalized(one.one)] @ at[normalized(one.other)] for one in pairs]
    return [
        Judged(pair, float(cosine), _agree(pair))
        for pair, cosine in zip(pairs, cosines, strict=True)
    ]


def _agree(pair: Pair) -> bool:
    words = same_words(pair.one)
    is_same = words is not None and words == same_words(pair.other)
    return is_same or same_text(pair.one) == same_text(pair.other)


def upper_bound(false: int, of: int) -> float:
    """The upper end of the Clopper-Pearson interval of 95 % for a share; 1 for no cases."""
    from scipy.stats import beta

    if false >= of:
        return 1.0
    return float(beta.ppf(1 - (1 - _CONFIDENCE) / 2, false + 1, of - false))


def best(found: Iterable[Judged]) -> dict[str, Any]:
    """The lowest threshold under the limit, with what it gives; else mode `exact`."""
    every = list(found)
    different = [one for one in every if not one.pair.same]
    hits = sorted((one for one in every if one.agrees), key=lambda one: one.cosine)
    thresholds = [one.cosine for one in hits] or [1.0]
    steps = [_step(threshold, hits, len(different)) for threshold in thresholds]
    allowed = [step for step in steps if step["upper_bound"] <= LIMIT]
    chosen = allowed[0] if allowed else steps[-1]
    return {
        "mode": "semantic" if allowed else "exact",
        "threshold": chosen["threshold"] if allowed else None,
        "pairs": len(every),
        "same": len(every) - len(different),
        "different": len(different),
        "right_hits": chosen["right_hits"],
        "false_hits": chosen["false_hits"],
        "upper_bound": chosen["upper_bound"],
        "limit": LIMIT,
        "by_cosine_alone": _step(_USUAL, every, len(different)),
    }


def _step(threshold: float, hits: Sequence[Judged], different: int) -> dict[str, Any]:
    taken = [one for one in hits if one.cosine >= threshold]
    false = sum(not one.pair.same for one in taken)
    return {
        "threshold": float(np.floor(threshold * 1e4) / 1e4),
        "right_hits": len(taken) - false,
        "false_hits": false,
        "upper_bound": round(upper_bound(false, different), 5),
    }


def calibrate(settings: Settings, path: Path) -> dict[str, Any]:
    """Find the threshold for the configured embedder on a file of pairs.

    Raises:
        ConfigError: the file holds no pairs, or a wrong line.
        EmbeddingFailed: the embedder can't be had.
    """
    pairs = read_pairs(path)
    if not pairs:
        raise ConfigError(f"{path} holds no pairs")
    encoder = open_encoder(settings.embedder)
    return best(judged(pairs, encoder)) | {"model": settings.embedder.model}

"""Evaluations with known figures, and an encoder that knows words alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from almanac.evaluation.answers import Answered
from almanac.evaluation.cases import Case, Part
from almanac.evaluation.scores import Scored, score
from almanac.evaluation.texts import words
from schemas.encoder import EmbedderIdentity
from schemas.hashing import sha256_text

RIGHT, LONG, WRONG = "Room seven", "I think that it is in room seven", "Nobody knows that"
CONTEXT = "The printer is in room seven since 2019."
Pair = tuple[str | None, str | None]  # what base and adapter answer


class WordEncoder:
    """The mean of a random direction a word."""

    identity = EmbedderIdentity("toy", "words", "1", 64, "float32", False, "", "", 256)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([sum(map(_direction, words(text)), np.zeros(64)) for text in texts]).astype(
            np.float32
        )

    encode_queries = encode


def _direction(word: str) -> NDArray[np.float64]:
    return np.random.default_rng(int(sha256_text(word)[:12], 16)).normal(size=64)


def case(name: str, part: Part = "held_back", reference: str = RIGHT) -> Case:
    question = f"Where is printer {name}?"
    prompt = ({"role": "user", "content": f"{CONTEXT}\n\n{question}"},)
    rejected = WRONG if part == "held_back" else None
    return Case(
        f"{part}-{name}",
        part,
        f"request-{part}-{name}",
        question,
        prompt,
        (CONTEXT,),
        (reference,),
        rejected,
        "en",
    )


def scored(margins: tuple[float, float] = (0.0, 0.0), **parts: Sequence[Pair]) -> list[Scored]:
    """One case a pair of answers; `margins` are the log-probability margins of base and adapter."""
    cases, answers = [], []
    for part, pairs in parts.items():
        for at, (base, adapter) in enumerate(pairs):
            one = case(f"{at:03}", part)  # type: ignore[arg-type]
            cases.append(one)
            given = (margins[0], 0.0, margins[1], 0.0) if one.rejected else ()
            answers.append(Answered(one.case_id, base, adapter, *given))
    return score(cases, answers, WordEncoder(), None)

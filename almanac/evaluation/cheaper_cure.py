"""Does the adapter beat examples in the prompt? They cost no training and can be taken back.

The examples are corrected requests of the training side, for each question those that are nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from almanac.evaluation.power import ALPHA, sign_test
from almanac.evaluation.scores import Scored
from schemas.examples import Example
from schemas.feedback import Message
from schemas.words import count

SHOWN = 3  # examples of a prompt
_PARTS = {"held_back": "held-back faults", "golden": "golden questions"}
Encode = Callable[[Sequence[str]], NDArray[np.float32]]


class NearestExamples:
    """Corrected requests to show before a question."""

    def __init__(self, examples: Iterable[Example], encode: Encode) -> None:
        self._known = [
            one
            for one in sorted(examples, key=lambda one: one.example_id)
            if one.side == "train" and one.origin != "like" and "sft" in one.serves
        ]
        self._encode = encode
        self._vectors = (
            _unit(encode([one.question for one in self._known])) if self._known else None
        )

    def of(self, questions: Sequence[str], groups: Sequence[str]) -> list[tuple[Message, ...]]:
        """Of each question the messages of the nearest, the nearest last.

        An example of the same group (the same question) is never shown: it would be the answer.
        """
        if self._vectors is None or not questions:
            return [() for _ in questions]
        likeness = _unit(self._encode(list(questions))) @ self._vectors.T
        return [self._messages(row, group) for row, group in zip(likeness, groups, strict=True)]

    def _messages(self, likeness: NDArray[np.float32], group: str) -> tuple[Message, ...]:
        ranked = [self._known[at] for at in np.argsort(-likeness, kind="stable")]
        nearest = [one for one in ranked if one.group != group][:SHOWN]
        return tuple(
            {"role": role, "content": text}
            for one in reversed(nearest)
            for role, text in (("user", one.question), ("assistant", one.chosen or ""))
        )


def cheaper_cure(scored: Sequence[Scored]) -> tuple[str, ...]:
    """A sentence a part: right answers of base, of base with examples, and of the adapter."""
    return tuple(filter(None, (_compared(scored, part) for part in _PARTS)))


def _compared(scored: Sequence[Scored], part: str) -> str:
    rows = [
        (one.base["right"], one.examples["right"], one.adapter["right"])
        for one in scored
        if one.case.part == part and one.examples
    ]
    known = [(a, b, c) for a, b, c in rows if a is not None and b is not None and c is not None]
    if not known:
        return ""
    base, shown, adapter = (sum(column) / len(known) for column in zip(*known, strict=True))
    gained = sum(new > old for _, old, new in known)
    lost = sum(new < old for _, old, new in known)
    said = (
        f"{_PARTS[part].capitalize()}, right of {count(len(known), 'question')}: {base:.1%} by the "
        f"base, {shown:.1%} with {SHOWN} examples in its prompt, {adapter:.1%} with the adapter. "
    )
    if gained > lost and sign_test(gained, lost) <= ALPHA:
        return said + f"The adapter beats the examples ({gained} gained, {lost} lost)."
    if lost > gained and sign_test(lost, gained) <= ALPHA:
        return said + f"The examples beat the adapter ({lost} to {gained}): take them instead."
    return said + (
        f"The adapter is not shown to beat the examples ({gained} gained, {lost} lost): try them "
        "first, they need no training."
    )


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths, lengths, 1), np.float32)

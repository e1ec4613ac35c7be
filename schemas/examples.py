"""One training example: a prompt, and answers to prefer or to avoid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from schemas.feedback import Message
from schemas.hashing import canonical_json, sha256_text
from schemas.identity import identity_of_record

Side = Literal["train", "held_back"]
Origin = Literal["correction", "teacher", "like", "dislike"]
Method = Literal["sft", "dpo", "kto"]
# How a right answer came to its words: as a user or the model wrote it, as a sentence of a passage,
# as a teacher rewrote it, as a span of a word or two that reads as no answer, or as a copy of a
# long passage. Empty for examples of before.
Style = Literal["", "as_written", "passage", "teacher", "span", "copy"]
# What an example's id is made of since the first version; see `schemas.identity`.
_FIRST = (
    "request_id",
    "prompt",
    "chosen",
    "rejected",
    "origin",
    "cause",
    "question",
    "context",
    "lang",
    "source",
    "group",
)


@dataclass(frozen=True, slots=True)
class Example:
    """One row of the table that the SFT, DPO and KTO views are cut from.

    `chosen` is a right answer, `rejected` a wrong one; at least one of them is there. `group` is a
    hash that every example of the same question shares; `context` are the passages of the prompt.
    `written` is a right answer as the user wrote it, where `chosen` says it in other words.
    A `span` or a `copy` is a right answer to prefer, and none to write like: SFT is not trained on
    it.
    """

    request_id: str
    prompt: tuple[Message, ...]
    chosen: str | None
    rejected: str | None
    origin: Origin
    cause: str  # of the dislike, or "liked"
    question: str
    context: tuple[str, ...]
    lang: str
    source: str
    group: str
    side: Side = "train"
    style: Style = ""
    written: str | None = None

    @property
    def example_id(self) -> str:
        """SHA-256 of what the example says; its side does not enter."""
        return sha256_text(self.as_json())[:32]

    def as_json(self) -> str:
        """Canonical JSON of everything but the side."""
        return canonical_json(identity_of_record(self, _FIRST, apart=["side"]))

    @classmethod
    def from_json(cls, said: dict[str, Any], side: Side) -> Example:
        """The example that `as_json` wrote."""
        prompt, context = tuple(said.pop("prompt")), tuple(said.pop("context"))
        return cls(prompt=prompt, context=context, side=side, **said)

    def on(self, side: Side) -> Example:
        """The same example on a side."""
        return replace(self, side=side)

    @property
    def serves(self) -> tuple[Method, ...]:
        """The views that the example is part of."""
        views: list[Method] = ["kto"]
        if self.chosen is not None and self.style not in ("span", "copy"):
            views.append("sft")
        if self.chosen is not None and self.rejected is not None:
            views.append("dpo")
        return tuple(sorted(views))

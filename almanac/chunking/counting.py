"""Counting tokens of many texts at once."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.encoder import TokenCounter

_TEXTS_PER_CALL = 4096


class Tokens:
    """A `TokenCounter` in large batches; equal texts are counted once per call.

    `overhead` is what the model's prefix and special tokens take of each text.
    """

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self.overhead = counter.count_tokens([""])[0]

    def of_texts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as the model sees it, overhead included."""
        known = dict.fromkeys(texts, 0)
        different = [*known]
        for at in range(0, len(different), _TEXTS_PER_CALL):
            batch = different[at : at + _TEXTS_PER_CALL]
            known.update(zip(batch, self._counter.count_tokens(batch), strict=True))
        return [known[text] for text in texts]

    def of_parts(self, parts: Sequence[str]) -> list[int]:
        """Tokens that each part adds to a text."""
        return [max(0, tokens - self.overhead) for tokens in self.of_texts(parts)]

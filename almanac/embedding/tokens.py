"""Counting tokens without loading a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from almanac.embedding.words import WordCounts, words_of

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_AT_ONCE = 1024


class FastTokenCounter:
    """Counts with a model's own tokenizer, exactly and without a limit.

    `prepare` is what the model does to a text before the tokenizer proper.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prefix: str = "",
        prepare: Callable[[str], str] = str,
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._prefix = prefix
        self._prepare = prepare

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as a passage: prefix and special tokens included."""
        whole = [self._prefix + text for text in texts]
        if self._words is None:
            return self.lengths(whole)
        counts = self._words.count(whole)
        left = [at for at, count in enumerate(counts) if count is None]
        rest = dict(zip(left, self.lengths([whole[at] for at in left]), strict=True))
        return [rest[at] if count is None else count for at, count in enumerate(counts)]

    @cached_property
    def _words(self) -> WordCounts | None:
        return words_of(self._tokenizer) if self._prepare is str else None

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text as it stands, special tokens included."""
        return list(map(len, self._encoded(texts)))

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text as it stands, special tokens included."""
        return [encoding.ids for encoding in self._encoded(texts)]

    def _encoded(self, texts: Sequence[str]) -> Iterator[Encoding]:
        for start in range(0, len(texts), _AT_ONCE):
            prepared = [self._prepare(text) for text in texts[start : start + _AT_ONCE]]
            yield from self._tokenizer.encode_batch_fast(prepared)

    def cut(self, texts: Sequence[str], prefix: str, length: int, end: int) -> list[list[int]]:
        """The tokens of texts that have `length` of them, or more: those end early with `end`."""
        found = self.ids([prefix + text for text in texts])
        return [ids if len(ids) == length else [*ids[: length - 1], end] for ids in found]

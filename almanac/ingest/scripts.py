"""The scripts of the texts that go into an index, as far as full-text search must know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

# Written without blanks between words, but with words in ICU's dictionaries.
_WITHOUT_BLANKS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
# Written with blanks, but endings stick to the words, and there is no stemmer.
_KOREAN = r"\p{Hangul}"


@dataclass(slots=True)
class Scripts:
    """How many texts were counted, and how many hold which script."""

    texts: int = 0
    without_blanks: int = 0
    korean: int = 0

    def count(self, texts: pa.Array | pa.ChunkedArray) -> None:
        """Take in more texts."""
        self.texts += len(texts)
        self.without_blanks += _matching(texts, _WITHOUT_BLANKS)
        self.korean += _matching(texts, _KOREAN)

    def tokenizer(self) -> Literal["words", "icu", "ngram"]:
        """What finds words in these texts."""
        if 2 * self.korean > self.texts:
            return "ngram"
        return "icu" if self.without_blanks else "words"


def _matching(texts: pa.Array | pa.ChunkedArray, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0)

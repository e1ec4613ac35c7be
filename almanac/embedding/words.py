"""Counting the tokens of a text word by word, each different word asked of the tokenizer once.

A tokenizer of BERT's kind cuts a text at blanks and punctuation before anything else, and never
looks beyond such a word. So the tokens of a text are the sum over its words, and as few words make
up most of a text, nearly all of them are known: a fifth of what the tokenizer itself takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# What BERT's tokenizer sees as a word of its own: a sign of ASCII, or what stands between blanks
# and such signs. Of control characters it drops most; a text with one is not counted here.
_WORDS = re.compile(r"[^\x00-\x20!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOST = 200_000  # words that are remembered: some 20 MB
_NORMALIZER = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}


class WordCounts:
    """How many tokens words take under one tokenizer; exact for the texts that it counts."""

    def __init__(self, tokenizer: Tokenizer, marks: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        self._known: dict[str, int] = {}
        self._special = int(tokenizer.num_special_tokens_to_add(False))
        # Such a mark in a text is one token, whatever its signs.
        self._marks = re.compile("|".join(map(re.escape, marks)) or r"(?!)")

    def count(self, texts: Sequence[str]) -> list[int | None]:
        """Tokens of each text, special ones included; None where only the tokenizer can tell."""
        words = [None if self._is_odd(text) else _WORDS.findall(text) for text in texts]
        self._learn(word for found in words for word in found or ())
        known, more = self._known.__getitem__, self._special
        counts = [None if found is None else sum(map(known, found), more) for found in words]
        if len(self._known) > _MOST:
            self._known.clear()
        return counts

    def _is_odd(self, text: str) -> bool:
        return bool(_CONTROLS.search(text) or self._marks.search(text))

    def _learn(self, words: Iterable[str]) -> None:
        new = [word for word in dict.fromkeys(words) if word not in self._known]
        found = self._tokenizer.encode_batch_fast(new, add_special_tokens=False)
        self._known.update(zip(new, map(len, found), strict=True))


def words_of(tokenizer: Tokenizer) -> WordCounts | None:
    """A count by words, where the tokenizer is of BERT's kind; else None."""
    made = json.loads(tokenizer.to_str())
    normalizer, marks = made["normalizer"] or {}, made["added_tokens"]
    is_bert = (
        normalizer.items() >= _NORMALIZER.items()
        and made["pre_tokenizer"] == {"type": "BertPreTokenizer"}
        and made["model"]["type"] == "WordPiece"
        and not any(one["normalized"] or one["lstrip"] or one["rstrip"] for one in marks)
    )
    return WordCounts(tokenizer, (one["content"] for one in marks)) if is_bert else None

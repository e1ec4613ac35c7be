"""Texts that make parsers crash, hang or swallow the rest; each within seconds, nothing lost."""

from __future__ import annotations

import base64
import hashlib

import pytest

from almanac.chunking.chunker import MarkdownChunker
from schemas.settings import ChunkerSettings
from tests.chunking.counters import Packaged, word_chunker

NOISE = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(10_000))
HOSTILE = {
    "one word": base64.b32encode(NOISE * 2).decode()[:1_000_000],
    "one letter": "a" * 1_000_000,
    "inline image": f"# I\n\n![x](data:image/png;base64,{base64.b64encode(NOISE).decode()})\n\nEnd",
    "nested quotes": ">" * 5_000 + " deep\n",
    "spaced quotes": "> " * 500_000 + "x",
    "unclosed fence": "# F\n\n```python\n" + "# comment\nx = 1\n\n" * 50_000,
    "brackets": "[" * 20_000 + "a" + "](x)" * 20_000,
    "bracket heading": "# " + "[" * 500_000,
    "nested lists": "".join(" " * min(n, 2_000) + "- a\n" for n in range(2_000)),
    "headings": "\n".join("#" * (n % 7) + f" h{n}" for n in range(20_000)),
    "long heading": "# " + "word " * 200_000 + "\n\ntext",
    "backticks": "`" * 1_000_000,
    "dots": "." * 1_000_000 + " x",
    "dots and brackets": ".)" * 500_000,
    "dots and blanks": ("." + " " * 1_000) * 1_000 + "x",
    "blanks": "a" + " " * 1_000_000 + "b",
    "blank lines": "a" + "\n" * 500_000 + "b",
    "rules": "---\n" * 100_000,
    "comments": "<!--\n" * 100_000,
    "table": "| a | b |\n" * 50_000,
    "carriage returns": "line\r" * 100_000,
    "combining": "e" + "\u0301" * 200_000,
    "controls": "\x00\x01\x1c\u2028\u200b" * 20_000,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_cut_whole(name):
    text = HOSTILE[name]
    chunks = word_chunker(target=160).chunk("Title", "text/markdown", text)
    together = "".join(text[chunk.start : chunk.end] for chunk in chunks)
    assert "".join(together.split()) == "".join(text.split())
    assert all(chunk.tokens <= 256 and len(chunk.text) <= 2_500 for chunk in chunks)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["one word", "inline image", "brackets"])
def test_the_packaged_tokenizer_cannot_hide_a_long_word(name):
    """It makes one unknown token of a word of a megabyte: the bound in characters holds."""
    chunker = MarkdownChunker(ChunkerSettings(), Packaged(), 256, "packaged")
    chunks = chunker.chunk("Title", "text/markdown", HOSTILE[name])
    assert all(chunk.tokens <= 256 and len(chunk.text) <= 2_100 for chunk in chunks)

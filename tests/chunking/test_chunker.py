from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.chunking.chunker import MarkdownChunker
from almanac.chunking.headings import SEPARATOR
from schemas.documents import Chunk
from schemas.errors import ConfigError
from schemas.settings import ChunkerSettings
from tests.chunking.counters import Bytes, Joining, Packaged, Words, word_chunker

MARKS = st.sampled_from(
    [
        "# ",
        "## ",
        "###### ",
        "```\n",
        "~~~",
        "* ",
        "1. ",
        "    ",
        "> ",
        "| ",
        "\n---\n",
        "===",
        "///",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        " ",
        ". ",
        ":",
        "<!--",
        "-->",
        "<pre>",
        "[a](b)",
        "{ #id }",
    ]
)
MARKDOWN = st.lists(st.one_of(MARKS, st.text(max_size=12), st.just("word ")), max_size=150).map(
    "".join
)
COUNTERS = st.sampled_from([Words(), Bytes(), Joining()])


def test_one_page():
    text = "# Guide { #guide }\n\nHello there.\n\n## Install\n\nRun it:\n\n```\n# pip\n```\n"
    assert word_chunker().chunk("Guide", "text/markdown", text) == [
        Chunk(0, "Guide", "Guide\n\n# Guide { #guide }\n\nHello there.", 0, 32, 10),
        Chunk(
            1,
            "Guide › Install",
            "Guide › Install\n\n## Install\n\nRun it:\n\n```\n# pip\n```",
            34,
            68,
            13,
        ),
    ]


def test_without_title_or_heading_the_text_stands_alone():
    assert word_chunker().chunk("", "text/plain", "\n\n Some text. \n") == [
        Chunk(0, "", "Some text.", 3, 13, 4)
    ]


def test_a_blank_document_has_no_chunks():
    assert word_chunker().chunk("Title", "text/markdown", " \n\n\t") == []
    assert word_chunker().chunk_many([]) == []


@settings(deadline=None, max_examples=150)
@given(
    MARKDOWN,
    st.text(max_size=60),
    st.sampled_from(["text/markdown", "text/plain"]),
    COUNTERS,
    st.integers(8, 60),
    st.integers(16, 80),
)
def test_every_character_once_and_no_chunk_above_the_window(
    text, title, media_type, counter, target, window
):
    chunker = MarkdownChunker(ChunkerSettings(target_tokens=target), counter, window, "toy")
    chunks = chunker.chunk(title, media_type, text)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(a.end <= b.start for a, b in pairwise(chunks))
    slices = [text[chunk.start : chunk.end] for chunk in chunks]
    assert all(piece and piece == piece.strip() for piece in slices)
    assert "".join("".join(slices).split()) == "".join(text.split())
    for chunk, piece in zip(chunks, slices, strict=True):
        line = chunk.text.removesuffix(piece).removesuffix("\n\n")
        assert chunk.text == (f"{line}\n\n{piece}" if line else piece)
        assert all(part in chunk.heading for part in line.split(SEPARATOR) if "…" not in part)
    counts = counter.count_tokens([chunk.text for chunk in chunks])
    assert [chunk.tokens for chunk in chunks] == counts
    assert all(count <= window for count in counts)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.text(max_size=9), st.just("text/markdown"), MARKDOWN), max_size=5))
def test_many_documents_at_once_give_the_same_chunks(documents):
    chunker = word_chunker()
    together = chunker.chunk_many(documents)
    assert together == [chunker.chunk(*document) for document in documents]
    assert together == word_chunker().chunk_many(documents)


def test_a_long_heading_path_takes_no_more_than_a_quarter():
    text = f"## middle\n\n### {'inner ' * 6}\n\n" + "Word word. " * 40
    title = ("outer " * 40).strip()
    chunks = word_chunker(target=40).chunk(title, "text/markdown", text)
    inner = ("inner " * 6).strip()
    assert {chunk.heading for chunk in chunks} == {f"{title} › middle › {inner}"}
    assert {chunk.text.partition("\n")[0] for chunk in chunks} == {inner}


def test_the_text_has_title_and_innermost_heading_and_the_heading_all():
    text = "# Page\n\nWords.\n\n## 1.2\n\nNews.\n\n### Fixes\n\nThe door opens.\n"
    *_, last = word_chunker(target=40).chunk("Page", "text/markdown", text)
    assert last.heading == "Page › 1.2 › Fixes"
    assert last.text == "Page › Fixes\n\n### Fixes\n\nThe door opens."


def test_a_renamed_heading_in_between_changes_no_text():
    text = "# Page\n\n## 1.2\n\nNews.\n\n### Fixes\n\nThe door opens.\n"
    chunker = word_chunker(target=40)
    before, after = (
        chunker.chunk("Page", "text/markdown", one)
        for one in (text, text.replace("1.2", "1.2 (2026-03-04)"))
    )
    assert [chunk.heading for chunk in after] != [chunk.heading for chunk in before]
    assert after[-1].text == before[-1].text


def test_sizes_stay_between_half_and_one_and_a_half_of_the_target():
    text = "\n\n".join(f"Paragraph {n} has six words." for n in range(400))
    sizes = [chunk.tokens for chunk in word_chunker(target=60).chunk("T", "text/plain", text)]
    assert min(sizes) >= 30
    assert max(sizes) <= 92
    assert 50 <= sum(sizes) / len(sizes) <= 70


def test_the_smaller_of_window_and_setting_is_the_limit():
    text = "word " * 500
    for window, maximum in ((64, None), (512, 64), (64, 512)):
        chunks = word_chunker(400, window, max_tokens=maximum).chunk("T", "text/plain", text)
        assert max(chunk.tokens for chunk in chunks) <= 64


def test_a_character_that_leaves_the_heading_no_room_stands_alone():
    class Heavy:
        def count_tokens(self, texts):
            return [sum(1 if char < "\x7f" else 12 for char in text) + 3 for text in texts]

    chunks = MarkdownChunker(ChunkerSettings(), Heavy(), 16, "heavy").chunk("abc", "", "漢漢")
    assert [(chunk.text, chunk.tokens) for chunk in chunks] == [
        ("漢", 15),
        ("漢", 15),
    ]


def test_identity_names_what_decides_the_chunks():
    assert word_chunker(160, 256).identity == "markdown-cdc-2/max=256/target=160/tok=words"
    assert word_chunker(96, 256, max_tokens=128).identity == (
        "markdown-cdc-2/max=128/target=96/tok=words"
    )


def test_a_window_that_the_prefix_fills_is_refused():
    class Prefixed:
        def count_tokens(self, texts):
            return [len(text.split()) + 12 for text in texts]

    with pytest.raises(ConfigError, match="chunks of 16 tokens leave 4 for text"):
        MarkdownChunker(ChunkerSettings(max_tokens=16), Prefixed(), 256, "prefixed")


def test_the_packaged_tokenizer_agrees():
    chunker = MarkdownChunker(ChunkerSettings(), Packaged(), 256, "packaged")
    text = "# Привет\n\n" + "Это длинное предложение о документах, которые меняются. " * 60
    chunks = chunker.chunk("Привет", "text/markdown", text)
    assert [chunk.tokens for chunk in chunks] == Packaged().count_tokens(
        [chunk.text for chunk in chunks]
    )
    assert max(chunk.tokens for chunk in chunks) <= 256

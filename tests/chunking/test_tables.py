"""A table that is cut repeats its header in each piece, which is part of the piece's tokens."""

from __future__ import annotations

import pytest

from almanac.chunking.chunker import MarkdownChunker
from schemas.documents import Document
from schemas.settings import ChunkerSettings
from tests.chunking.counters import Bytes, Words, word_chunker

HEADER = "| Server | Power draw |\n| --- | --- |"
ROWS = [f"| SRV-{at:03} | {at} watts |" for at in range(60)]
SHAPES = {
    "a table alone": ("\n".join([HEADER, *ROWS]), HEADER),
    "after a paragraph, without a blank line": ("\n".join(["Servers:", HEADER, *ROWS]), HEADER),
    "without bars at the edges": (
        "\n".join(line.strip("| ") for line in [*HEADER.split("\n"), *ROWS]),
        "Server | Power draw\n--- | ---",
    ),
    "indented, columns aligned": (
        "\n".join(f"  {line}" for line in ["| Server | Power draw |", "|:---|---:|", *ROWS]),
        "| Server | Power draw |\n|:---|---:|",
    ),
    "between sections": ("\n".join(["# A", "x", "", HEADER, *ROWS, "", "# B", "y"]), HEADER),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_piece_begins_with_the_header(shape: str) -> None:
    text, header = SHAPES[shape]
    chunks = word_chunker(target=60).chunk("Page", "text/markdown", text)
    pieces = [chunk for chunk in chunks if "SRV-" in chunk.text]
    assert len(pieces) > 3
    assert all(chunk.text.count("Power draw") == 1 for chunk in pieces)
    assert all(header in chunk.text for chunk in pieces[1:])
    assert [chunk.tokens for chunk in chunks] == Words().count_tokens([c.text for c in chunks])
    assert (
        max(chunk.tokens for chunk in chunks) <= 92
    )  # one and a half of the target, and two for the text as a whole
    # The places stay those of the document, so that every character is in one chunk.
    body = "".join("".join(text[chunk.start : chunk.end].split()) for chunk in chunks)
    assert body == "".join(text.split())


def test_each_table_repeats_its_own_header() -> None:
    other = "| Room | Seats |\n| --- | --- |"
    text = "\n".join([HEADER, *ROWS, "", other, *(f"| R{at} | {at} |" for at in range(60))])
    for chunk in word_chunker(target=60).chunk("", "text/markdown", text):
        assert ("SRV-" in chunk.text) == ("Power draw" in chunk.text)
        assert ("| R" in chunk.text) == ("Seats" in chunk.text)


def test_a_header_that_leaves_no_room_is_not_repeated() -> None:
    long = "| " + " ".join(["name"] * 40) + " | b |\n| --- | --- |"
    chunks = word_chunker(target=60).chunk("", "text/markdown", "\n".join([long, *ROWS]))
    assert sum("name name" in chunk.text for chunk in chunks) == 1


def test_a_row_longer_than_a_chunk_keeps_the_header_and_the_limit() -> None:
    row = "| SRV | " + "word " * 400 + "|"
    settings = ChunkerSettings(target_tokens=120)
    chunker = MarkdownChunker(settings, Bytes(), 200, "bytes")
    chunks = chunker.chunk("", "text/markdown", "\n".join(["| A | B |\n|---|---|", row, row]))
    assert all(chunk.text.startswith("| A | B |") for chunk in chunks)
    assert all(chunk.tokens <= 200 for chunk in chunks)


@pytest.mark.parametrize(
    ("media_type", "text", "as_before"),
    [
        ("text/markdown", "No table, a | b.\n", True),
        ("text/markdown", f"{HEADER}\n| a | b |\n", False),
        ("text/plain", f"{HEADER}\n| a | b |\n", True),
    ],
)
def test_only_a_text_with_a_table_has_another_hash_than_before(
    media_type: str, text: str, as_before: bool
) -> None:
    from schemas.hashing import sha256_parts

    document = Document("a", "A", "a", media_type, text, "0", 1)
    assert (document.text_hash == sha256_parts("A", media_type, text)) is as_before

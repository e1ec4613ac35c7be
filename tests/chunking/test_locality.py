from __future__ import annotations

import json
import lzma
import random

import pytest

from almanac.chunking.chunker import MarkdownChunker
from schemas.documents import Chunk
from schemas.settings import ChunkerSettings
from tests.chunking.counters import Packaged, word_chunker

WORDS = ("index", "table", "release", "note", "chunk", "token", "model", "query", "answer", "night")


def paragraphs(count: int, seed: int = 1) -> list[str]:
    draw = random.Random(seed)
    return [
        " ".join(draw.choices(WORDS, k=draw.randint(4, 40))).capitalize() + f" {n}."
        for n in range(count)
    ]


def pages(count: int) -> str:
    parts = [f"## Part {n}\n\n" + "\n\n".join(paragraphs(12, seed=n)) for n in range(count)]
    return "# All\n\nIntroduction.\n\n" + "\n\n".join(parts)


def new_chunks(before: str, after: str) -> list[Chunk]:
    """Chunks of `after` whose text is in no chunk of `before`."""
    old, new = word_chunker(target=80).chunk_many(
        [("All", "text/markdown", text) for text in (before, after)]
    )
    known = {chunk.text for chunk in old}
    return [chunk for chunk in new if chunk.text not in known]


@pytest.mark.parametrize("replacement", [["Quite new.", "{}"], [], ["Changed."]])
def test_an_edit_disturbs_its_neighbours_only(replacement):
    """One section of 500 paragraphs in some 150 chunks, an edit at every twentieth."""
    base = paragraphs(500)
    costs = []
    for at in range(5, 500, 20):
        edited = [*base[:at], *(new.format(base[at]) for new in replacement), *base[at + 1 :]]
        costs.append(len(new_chunks("\n\n".join(base), "\n\n".join(edited))))
    assert sum(costs) / len(costs) < 2
    assert max(costs) <= 6


def test_an_edit_at_the_top_leaves_other_sections_alone():
    before = pages(200)
    changed = new_chunks(before, before.replace("Introduction.", "A paragraph.\n\nAnother.", 1))
    assert [chunk.text for chunk in changed] == ["All\n\n# All\n\nA paragraph.\n\nAnother."]


def test_a_renamed_heading_costs_its_section_only():
    before = pages(20)
    changed = new_chunks(before, before.replace("## Part 3\n", "## Third\n"))
    assert {chunk.heading for chunk in changed} == {"All › Third"}


def test_a_moved_section_costs_nothing():
    parts = pages(20).split("\n\n## ")
    moved = [parts[0], *parts[11:], *parts[1:11]]
    assert new_chunks("\n\n## ".join(parts), "\n\n## ".join(moved)) == []


@pytest.mark.timeout(120)
def test_a_month_of_release_notes(shared_data):
    """0.4 MB that grow at the top; a release renames the section of its changes."""
    texts = []
    path = shared_data / "corpus_a_fastapi" / "changes.jsonl.xz"
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event["date"] > "2024-09-30":
                break
            if event["path"] == "en/docs/release-notes.md":
                texts.append(event["text"])
    chunker = MarkdownChunker(ChunkerSettings(), Packaged(), 256, "packaged")
    first, second, third = (
        {chunk.text: len(chunk.text) for chunk in chunks}
        for chunks in chunker.chunk_many(
            [("Release Notes", "text/markdown", text) for text in texts]
        )
    )
    grown = len(texts[2]) - len(texts[1])
    cost = sum(size for text, size in third.items() if text not in second and text not in first)
    assert 10_000 < grown < 16_000
    assert cost < 1.6 * grown
    assert cost < 0.06 * sum(third.values())

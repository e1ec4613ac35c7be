"""The passages that an answer is made from, and how they are cited."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from almanac.serving.open_releases import OpenRelease
from lakehouse.search import Hit


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """Passage `n` of a prompt, and where it stands: `start` and `end` in its document's text."""

    n: int
    source: str
    doc_id: str
    chunk_id: str
    heading: str
    title: str
    uri: str
    text: str
    start: int | None
    end: int | None

    def for_prompt(self) -> dict[str, Any]:
        """What a template sees."""
        names = ("n", "source", "doc_id", "heading", "title", "text")
        return {name: getattr(self, name) for name in names}

    def as_passage(self) -> dict[str, Any]:
        """What who asks for passages alone is told."""
        citation = self.as_citation(False)
        del citation["used"]
        return citation | {"uri": self.uri, "text": self.text}

    def as_citation(self, used: bool) -> dict[str, Any]:
        """What a client is told of it."""
        names = ("n", "doc_id", "source", "chunk_id", "title", "heading", "start", "end")
        return {name: getattr(self, name) for name in names} | {"used": used}


def shown(opened: OpenRelease, hits: Iterable[Hit]) -> list[ShownPassage]:
    """Hits with their places."""
    return [_shown(opened, number, hit) for number, hit in enumerate(hits, 1)]


def citations(passages: Sequence[ShownPassage], used: Collection[int]) -> list[dict[str, Any]]:
    """Every passage that the model was shown; `used` are the numbers that the answer names."""
    return [one.as_citation(one.n in used) for one in passages]


def _shown(opened: OpenRelease, number: int, hit: Hit) -> ShownPassage:
    place = opened.place(hit)
    return ShownPassage(
        n=number,
        source=hit.source,
        doc_id=hit.doc_id,
        chunk_id=hit.chunk_id,
        heading=hit.heading,
        title=place.title or hit.doc_id,
        uri=place.uri,
        text=hit.text,
        start=place.start,
        end=place.end,
    )

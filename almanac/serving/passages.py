"""The passages that an answer is made from, and how they are cited."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from almanac.retrieval.open_release import FoundPassage


@dataclass(frozen=True, slots=True)
class ShownPassage:
    """Passage `n` of a prompt, and where it stands: `start` and `end` in its document's text."""

    n: int
    source: str
    doc_id: str
    chunk_id: str
    row_hash: str
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
        names: tuple[str, ...] = ("n", "doc_id", "source", "chunk_id", "row_hash")
        names += ("title", "heading", "start", "end")
        return {name: getattr(self, name) for name in names} | {"used": used}


def shown(found: Iterable[FoundPassage]) -> list[ShownPassage]:
    """What a search found, by the numbers that a prompt gives it."""
    names = [field.name for field in fields(ShownPassage) if field.name not in ("n", "title")]
    return [
        ShownPassage(
            n=number,
            title=one.title or one.doc_id,
            **{name: getattr(one, name) for name in names},
        )
        for number, one in enumerate(found, 1)
    ]


def citations(passages: Sequence[ShownPassage], used: Collection[int]) -> list[dict[str, Any]]:
    """Every passage that the model was shown; `used` are the numbers that the answer names."""
    return [one.as_citation(one.n in used) for one in passages]

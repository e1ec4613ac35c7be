"""All that is known of one disliked answer before it is judged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from almanac.core.stems import Rarity, sentences
from almanac.triage.replay import Held
from lakehouse.documents import Key
from schemas.feedback import Opinion, Request
from schemas.text import normalized


@dataclass(frozen=True, slots=True)
class Look:
    """What a search of one release found for the question, and for question and answer together.

    hits: each passage once, the question's own first.
    """

    release: int
    mode: str
    hits: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One disliked request.

    then: the release that answered; None where it is unknown, and `unknown` says why. now: the
    current one where it is another. fresh: hits of `now` from documents that changed since.
    lost: passages of the context that changed or went since, by chunk id.
    """

    request: Request
    opinion: Opinion
    context: tuple[Held, ...]
    rarity: Rarity
    then: Look | None = None
    now: Look | None = None
    unknown: str = ""
    fresh: tuple[Held, ...] = ()
    lost: frozenset[str] = frozenset()

    @property
    def sought(self) -> str:
        """The answer that the passages are asked for: the correction, else the response."""
        return self.opinion.correction or self.request.response

    @property
    def outside(self) -> tuple[Held, ...]:
        """Hits of the release that answered which the model was not shown."""
        shown = {one.chunk_id for one in self.context}
        within = " ".join(_one_spelling(one.text) for one in self.context)
        hits = self.then.hits if self.then else ()
        return tuple(
            one
            for one in hits
            if one.chunk_id not in shown and _one_spelling(one.text) not in within
        )


def _one_spelling(text: str) -> str:
    """The text as it looks: NFC, nothing that nobody sees, every run of spaces as one."""
    return " ".join(normalized(text).split())


def disliked(opinion: Opinion) -> bool:
    """Is the latest vote a dislike?"""
    return opinion.rating < 0


def own_rarity(request: Request, sought: str) -> Rarity:
    """What is rare among the sentences that one request holds, where no release is known."""
    texts = [one.text for one in request.context]
    texts += [request.question, request.response, sought]
    return Rarity(piece for text in texts for piece in sentences(text))


def keys_of(held: Collection[Held]) -> tuple[Key, ...]:
    """The documents of passages, each once, in their order."""
    return tuple(dict.fromkeys(one.key for one in held if one.key))

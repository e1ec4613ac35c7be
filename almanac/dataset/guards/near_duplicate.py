"""`near_duplicate`: an earlier example says the same in other words, or as good as the same.

A later example is a duplicate where an earlier one has a near question and, for each answer that
the later one has, a near answer of the same side: then every SFT, DPO and KTO row of the later one
repeats a row of the earlier. A new wrong answer to the same question is a new preference pair, and
so is kept, but of pairs that share question and chosen answer only the first three: each also
repeats an SFT row. The passages do not count: the same question answered alike from other passages
teaches the same.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures
from almanac.guards.texts import Essence, essence
from schemas.examples import Example

_PAIRS = 3  # with the same question and chosen answer
_COMPARED = 200  # earlier examples with a near question: the earliest; bounds a question of many


class NearDuplicates:
    """`questions` are those that will come: they order the index, and change no answer."""

    reason: ClassVar[str] = "near_duplicate"

    def __init__(self, threshold: float, questions: Iterable[str]) -> None:
        self._threshold = threshold
        self._index = _Index(threshold, questions)
        self._kept: list[list[Example]] = []

    def check(self, candidate: Candidate) -> Figures | None:
        """`repeats`, `similarity`; `pairs` where those of one chosen answer are enough."""
        example, pairs = candidate.example, 0
        for earlier, question in self._near(example):
            chosen = _likeness(example.chosen, earlier.chosen)
            rejected = _likeness(example.rejected, earlier.rejected)
            similarity = min(question, chosen, rejected)
            if similarity >= self._threshold:
                return {"repeats": earlier.request_id, "similarity": round(similarity, 4)}
            pairs += example.chosen is not None and min(question, chosen) >= self._threshold
            if pairs >= _PAIRS:
                similarity = min(question, chosen)
                figures = {"repeats": earlier.request_id, "similarity": round(similarity, 4)}
                return figures | {"pairs": pairs}
        return None

    def keep(self, candidate: Candidate) -> None:
        """Later ones near it repeat it."""
        slot = self._index.add(essence(candidate.example.question))
        if slot == len(self._kept):
            self._kept.append([])
        self._kept[slot].append(candidate.example)

    def _near(self, example: Example) -> Iterator[tuple[Example, float]]:
        near = self._index.near(essence(example.question))
        found = ((one, alike) for slot, alike in near for one in self._kept[slot])
        return islice(found, _COMPARED)


def _likeness(later: str | None, earlier: str | None) -> float:
    """Of one side: 1 where the later example has nothing that could be new."""
    if later is None:
        return 1.0
    return 0.0 if earlier is None else essence(later).similarity(essence(earlier))


class _Index:
    """Finds every known essence at least so similar, without comparing with all of them.

    Prefix filtering (Chaudhuri, Ganti and Kaushik, 2006): with the rarest parts first, two sets of
    Jaccard similarity t share one of the first n - ceil(t n) + 1 parts of each. Exact.
    """

    def __init__(self, threshold: float, texts: Iterable[str]) -> None:
        self._threshold = threshold
        self._seen = Counter(part for text in texts for part in essence(text).parts)
        self._slots: dict[Essence, int] = {}
        self._known: list[Essence] = []
        self._holders: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, said: Essence) -> int:
        """The number of this essence, counted from 0 in the order of their first coming."""
        if said not in self._slots:
            self._slots[said] = len(self._known)
            for part in self._prefix(said):
                self._holders[part].append(len(self._known))
            self._known.append(said)
        return self._slots[said]

    def near(self, said: Essence) -> list[tuple[int, float]]:
        """Numbers and similarities of those near it, in their order."""
        slots = {slot for part in self._prefix(said) for slot in self._holders.get(part, ())}
        scored = ((slot, said.similarity(self._known[slot])) for slot in sorted(slots))
        return [(slot, alike) for slot, alike in scored if alike >= self._threshold]

    def _prefix(self, said: Essence) -> Sequence[str]:
        parts = sorted(said.parts, key=lambda part: (self._seen[part], part))
        # The margin keeps a product like 0.85 * 20 from being rounded up by a last bit.
        return parts[: len(parts) - math.ceil(self._threshold * len(parts) - 1e-9) + 1]

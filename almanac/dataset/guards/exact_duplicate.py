"""`exact_duplicate`: the same prompt and the same answers as an earlier example."""

from __future__ import annotations

from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures
from almanac.guards.texts import plain
from schemas.hashing import sha256_parts


class ExactDuplicates:
    """Texts that differ in case, spaces and Unicode form alone are the same."""

    reason: ClassVar[str] = "exact_duplicate"

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def check(self, candidate: Candidate) -> Figures | None:
        """`repeats`: the request that said so first."""
        first = self._known.get(_key(candidate))
        return None if first is None else {"repeats": first}

    def keep(self, candidate: Candidate) -> None:
        """Later ones like it repeat it."""
        self._known[_key(candidate)] = candidate.example.request_id


def _key(candidate: Candidate) -> str:
    example = candidate.example
    prompt = [part for message in example.prompt for part in (message["role"], message["content"])]
    answers = ["" if text is None else text for text in (example.chosen, example.rejected)]
    return sha256_parts(*map(plain, [*answers, *prompt]))

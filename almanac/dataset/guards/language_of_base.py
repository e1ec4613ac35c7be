"""`language_of_base`: the base does not know the language of the example."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful


class LanguageOfBase(Forgetful):
    """An example in another language than those of the base; all are kept where it has none."""

    reason: ClassVar[str] = "language_of_base"

    def __init__(self, languages: Collection[str]) -> None:
        self._languages = languages

    def check(self, candidate: Candidate) -> Figures | None:
        """`lang` and the base's `languages`."""
        lang = candidate.example.lang
        if not self._languages or lang in self._languages:
            return None
        return {"lang": lang, "languages": list(self._languages)}

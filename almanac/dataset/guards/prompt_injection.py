"""`prompt_injection`: a text that speaks to the model, or to who trains it, instead of asking.

No library of such rules is both kept up and offline, so they stand here, each under a name. Looked
at are the user's words and the answers, not the passages: a document about such attacks may quote
them, and passages are not what is learnt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.hidden import decoded, hidden, readable
from almanac.dataset.guards.phrases import ABOUT, MARKERS, SPOKEN
from almanac.dataset.guards.rule import Figures, Forgetful

_QUOTED = re.compile(
    r"\"[^\"\n]{3,300}\"|“[^”\n]{3,300}”|«[^»\n]{3,300}»|`[^`\n]{3,300}`|'[^'\n]{8,300}'(?!\w)"
)


class PromptInjection(Forgetful):
    """Rules over the words, the signs that a reader does not see, and what Base64 hides."""

    reason: ClassVar[str] = "prompt_injection"

    def check(self, candidate: Candidate) -> Figures | None:
        """`where` it stands (question, turn, chosen, rejected) and the `rule` that found it."""
        for where, text in _texts(candidate):
            if rule := injected(text):
                return {"where": where, "rule": rule}
        return None


def injected(text: str) -> str | None:
    """The name of the first rule that a text breaks.

    What stands in quotes of a text about such attacks is spoken of, not spoken.
    """
    if rule := hidden(text):
        return rule
    seen = readable(text)
    if MARKERS.search(seen):
        return "role_marker"
    unquoted = _QUOTED.sub(" ", seen)
    spoken = unquoted if ABOUT.search(unquoted) else seen
    for rule, pattern in SPOKEN.items():
        if pattern.search(spoken):
            return rule
    return "base64" if any(map(injected, decoded(text))) else None


def _texts(candidate: Candidate) -> Iterator[tuple[str, str]]:
    example = candidate.example
    yield "question", example.question
    for message in example.prompt[:-1]:
        if message["role"] == "user":
            yield "turn", message["content"]
    for where, text in (("chosen", example.chosen), ("rejected", example.rejected)):
        if text is not None:
            yield where, text

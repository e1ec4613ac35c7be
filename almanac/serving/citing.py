"""Citations of an answer while it is written: nothing is shown before a passage supports it.

A model cites by `[n]`. What names no passage is taken out. A sentence without a citation gets the
one of the passage that holds its words, where there is one. Sentences are held back until the first
of them has a citation: a model that made its answer up is never shown, and its reader is told that
nothing supports an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from almanac.core.stems import stems_of, words

_CITED = re.compile(r"(?P<blank>[ \t]?)(?<!\w)\[(?P<numbers>\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
# A sentence with the citations behind it, as soon as what comes next cannot be another citation. A
# short word with a dot before a number or a small letter is an abbreviation: `ext. 4410`.
_SENTENCE = re.compile(
    r"\s*\S.*?(?:(?!(?:(?<=[ .][^\W\d_])|(?<= [^\W\d_]{2})|(?<= [^\W\d_]{3}))\. +[\da-zа-яё])"
    r"[.!?…][\"'»”)]*(?:\s*\[[\d\s,;]+\]\.?)*(?=\s+[^\s\[])|(?=\n\s*[^\s\[]))",
    re.S,
)
_FENCE = "```"
_CODE = re.compile(r"```.*?(?:```|\Z)", re.S)
_SUPPORTED = 0.7  # of the weighty stems of a sentence, that a passage must hold to be cited by us
_FEWEST = 3  # weighty stems of a sentence that can be looked for
_SHORTEST = 4  # letters of a stem that says something


@dataclass(frozen=True, slots=True)
class Mark:
    """A citation in an answer: passage `n` at `text[start:end]`."""

    n: int
    start: int
    end: int


class CitedText:
    """An answer as it comes in, and what of it may be shown.

    Attributes:
        text: all that was given out so far.
        raw: all that came in.
    """

    def __init__(self, passages: Sequence[str], question: str, refusal: str) -> None:
        self.text = ""
        self.raw = ""
        self._passages = passages
        self._question = question
        self._refusal = _plain(refusal)
        self._waiting = ""  # not yet a whole sentence
        self._held = ""  # sentences, before the first with a citation
        self._is_open = False

    def feed(self, piece: str) -> str:
        """Take a piece of the answer; what may be shown now, often nothing."""
        self.raw += piece
        self._waiting += piece
        shown = ""
        while end := self._end_of_sentence():
            sentence, self._waiting = self._waiting[:end], self._waiting[end:]
            shown += self._sentence(sentence)
        return shown

    def _end_of_sentence(self) -> int:
        """Where the first sentence that waits ends, 0 where it goes on; fenced code is one."""
        match = _SENTENCE.match(self._waiting)
        if match is None:
            return 0
        fence = self._waiting.find(_FENCE)
        if not 0 <= fence < match.end():
            return match.end()
        if self._waiting[:fence].strip():
            return fence
        closing = self._waiting.find(_FENCE, fence + len(_FENCE))
        return closing + len(_FENCE) if closing >= 0 else 0

    def finish(self) -> str:
        """The answer has ended: what is left to show. Without any citation it is nothing."""
        rest, self._waiting = self._waiting.rstrip(), ""
        return self._sentence(rest) if rest else ""

    @staticmethod
    def marks_in(text: str) -> list[Mark]:
        """The citations in a text, in order; a list in fenced code is none."""
        prose = _CODE.sub(lambda code: " " * len(code[0]), text)
        return [
            Mark(int(number), match.start() + len(match["blank"]), match.end())
            for match in _CITED.finditer(prose)
            for number in re.findall(r"\d+", match["numbers"])
        ]

    def _sentence(self, sentence: str) -> str:
        if not self._is_open and self._says_nothing(_plain(_CITED.sub("", sentence))):
            return ""
        checked, cites = self._checked(sentence)
        self._held += checked
        if not (self._is_open or cites):
            return ""
        self._is_open = True
        shown, self._held = self._held, ""
        if not self.text:
            shown = shown.lstrip()
        self.text += shown
        return shown

    def _says_nothing(self, sentence: str) -> bool:
        """Is it the model's own word that it does not know, or the question again?"""
        question = _plain(self._question)
        return sentence == self._refusal or sentence in (question, f"question{question}")

    def _checked(self, sentence: str) -> tuple[str, bool]:
        """The sentence with right citations only, and whether it has any."""
        if sentence.lstrip().startswith(_FENCE):
            return self._checked_code(sentence)
        cites = False

        def right(match: re.Match[str]) -> str:
            nonlocal cites
            numbers = [int(number) for number in re.findall(r"\d+", match["numbers"])]
            known = [number for number in numbers if 1 <= number <= len(self._passages)]
            cites = cites or bool(known)
            return match["blank"] * bool(known) + "".join(f"[{number}]" for number in known)

        checked = _CITED.sub(right, sentence)
        if not cites and (found := self._supporting(checked)):
            body = checked.rstrip()
            return f"{body} [{found}]{checked[len(body) :]}", True
        return checked, cites

    def _checked_code(self, code: str) -> tuple[str, bool]:
        """Fenced code as it is; the passage that holds it is named on the line below."""
        is_closed = code.count(_FENCE) > 1
        found = self._supporting(code) if is_closed else None
        return (f"{code}\n[{found}]", True) if found else (code, False)

    def _supporting(self, sentence: str) -> int | None:
        """The number of the passage that holds most of a sentence; None where none holds enough."""
        said = words(sentence)
        wanted = _weighty(said.known)
        new = wanted - stems_of(self._question)
        if len(wanted) < _FEWEST or not new:
            return None
        shares = [
            len(wanted & held) / len(wanted)
            if said.numbers <= held and len(new & held) * 2 >= len(new)
            else 0.0
            for held in self._stems
        ]
        best = max(shares, default=0.0)
        return shares.index(best) + 1 if best >= _SUPPORTED else None

    @cached_property
    def _stems(self) -> list[frozenset[str]]:
        return [stems_of(text) for text in self._passages]


def _weighty(stems: Iterable[str]) -> frozenset[str]:
    """Numbers, and words that are long enough to say something."""
    return frozenset(stem for stem in stems if len(stem) >= _SHORTEST or stem[0].isdigit())


def _plain(text: str) -> str:
    """Letters and digits alone, to compare."""
    return re.sub(r"[\W_]+", "", text.casefold())

"""The guards on an answer while it streams: nothing is given out before it is checked.

Sentences are held until they end; where one has a digit or an at sign, with which personal data
begins, until so much came behind it that no entity can reach over the cut.
"""

from __future__ import annotations

import re
from collections import Counter

from almanac.guards.grounding import Sources, unfounded
from almanac.guards.personal.patterns import Found, find
from almanac.guards.profanity import profane
from almanac.serving.decisions import Decisions, Stopped
from almanac.serving.guarding import borne_by

# After a sentence: not after an abbreviation, which a postal address is full of; after a citation
# or a bracket alone only where a capital follows, since a sentence may go on behind them.
_END = re.compile(
    r"(?:(?<=\w{5}[.!?…])|(?<=[\]\d)\"»][.!?…]))\s+(?=\S)"
    r"|(?<=[\])])\s+(?=[*_«\"]{0,2}[A-ZÀ-ÞА-ЯЁ])|\n+(?=\S)"
)
_END_REACHES = 8  # characters back that `_END` looks at
_NUMBERED = re.compile(
    r"\s*[#*_>( -]{0,8}\d{1,2}[.)]\s+"
)  # `2. ` begins what it numbers, and ends nothing
_CITED = re.compile(r"\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]")
_BEGINS = re.compile(
    r"[\d@]|\b(?:at|dot|собака|точка|pass\w*|парол\w*|ул|улиц\w*)\b", re.IGNORECASE
)
_WINDOW = 200  # characters that an entity has at most
_TAIL = 100  # of what was given out, for words that tell what a number is


class Withheld:
    """An answer on its way to its reader.

    `sources` are question, earlier turns and passages: what stands in them may be said.
    """

    def __init__(self, decisions: Decisions, sources: list[str]) -> None:
        self._decisions = decisions
        self._settings = decisions.settings
        self._is_borne = borne_by(sources)
        self._sources = Sources(sources)
        self._held = ""
        self._tail = ""
        self._looked = 0  # characters of what is held in which no sentence ends
        self._is_code = False  # between two fences

    def feed(self, text: str) -> str:
        """Take a piece; what may be said now, often nothing. Raises Stopped."""
        self._held += text
        said = ""
        while end := self._cut():
            said += self._checked(end)
        return said

    def finish(self) -> str:
        """The answer has ended; what is left to say. Raises Stopped."""
        said = ""
        while self._held:
            match = self._end()
            said += self._checked(match.end() if match else len(self._held))
        return said

    def _end(self) -> re.Match[str] | None:
        numbered = _NUMBERED.match(self._held)
        begin = numbered.end() if numbered else 1
        return _END.search(self._held, max(begin, self._looked))

    def _cut(self) -> int:
        """Where the first sentence ends that may be checked alone; 0 where none may yet."""
        match = self._end()
        if match is None:
            self._looked = max(0, len(self._held.rstrip()) - _END_REACHES)
            return 0
        begins = _BEGINS.search(_CITED.sub("", self._held[: match.end()]))
        return 0 if begins and len(self._held) - match.end() < _WINDOW else match.end()

    def _checked(self, end: int) -> str:
        with self._decisions.timed("answer"):
            found = self._personal()
            end = max([end, *(one.end for one in found if one.start < end < one.end)])
            sentence, self._held, self._looked = self._held[:end], self._held[end:], 0
            if not self._is_in_code(sentence) and self._is_unfounded(sentence):
                return ""
            masks = self._masks([one for one in found if one.end <= end])
            said = _replaced(sentence, masks + self._bad_words(sentence))
            self._tail = (self._tail + said)[-_TAIL:]
            return said

    def _is_in_code(self, sentence: str) -> bool:
        """A line of code is left in its place: without it the rest would be other code."""
        fences = sentence.count("```")
        was, self._is_code = self._is_code, self._is_code ^ bool(fences % 2)
        return was or fences > 0

    def _personal(self) -> list[Found]:
        """Personal data in what is held, by its places there."""
        moved = len(self._tail)
        if self._settings.answer_personal == "off":
            return []
        with self._decisions.failing("answer_personal"):
            text = self._tail + self._held[: 4 * _WINDOW]
            found = [one for one in find(text) if one.end > moved]
            found = [one for one in found if not self._is_borne(text[one.start : one.end])]
            places = [(max(0, one.start - moved), one.end - moved, one) for one in found]
            return [Found(one.kind, start, end, one.key) for start, end, one in places]
        return []

    def _masks(self, found: list[Found]) -> list[tuple[int, int, str]]:
        action = self._settings.answer_personal
        for kind, times in Counter(one.kind for one in found).items():
            self._decisions.add("answer_personal", action, kind=kind, found=times)
        if found and action == "block":
            raise Stopped("answer_personal")
        labels = [(one.start, one.end, f"[{one.kind}]") for one in found]
        return labels if action == "mask" else []

    def _bad_words(self, sentence: str) -> list[tuple[int, int, str]]:
        action = self._settings.answer_words
        if action == "off":
            return []
        with self._decisions.failing("answer_words"):
            spans = [span for span in profane(sentence) if not self._is_borne(_at(sentence, span))]
            if spans:
                self._decisions.add("answer_words", action, found=len(spans))
                if action == "block":
                    raise Stopped("answer_words")
            return [(start, end, "***") for start, end in spans] if action == "mask" else []
        return []

    def _is_unfounded(self, sentence: str) -> bool:
        action = self._settings.answer_grounding
        if action == "off":
            return False
        with self._decisions.failing("answer_grounding"):
            if missing := unfounded(sentence, self._sources):
                numbers = sum(one[0].isdigit() for one in missing)
                about = {"numbers": numbers, "names": len(missing) - numbers}
                self._decisions.add("answer_grounding", action, **about)
                return action == "block"
        return False


def _at(text: str, span: tuple[int, int]) -> str:
    return text[span[0] : span[1]]


def _replaced(text: str, masks: list[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for start, end, label in sorted(masks):
        if start >= at:
            parts += [text[at:start], label]
            at = end
    return "".join([*parts, text[at:]])

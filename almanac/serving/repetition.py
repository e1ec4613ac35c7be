"""A model that got stuck: the same words again and again at the end of an answer."""

from __future__ import annotations

_LONGEST = 40  # words that are repeated as a whole
_FEWEST_WORDS = 24  # that the repetitions make together
_TIMES = 4
_LOOK_EVERY = 24  # characters
_TAIL = 4_000  # of an answer, that is looked at
_LONGEST_PATTERN, _FEWEST_CHARACTERS = 8, 400  # of a text without words


class Repetition:
    """An answer as it comes in."""

    def __init__(self) -> None:
        self._tail = ""
        self._new = 0

    def feed(self, piece: str) -> bool:
        """Take a piece; True as soon as the answer goes round in circles."""
        self._tail = (self._tail + piece)[-_TAIL:]
        self._new += len(piece)
        if self._new < _LOOK_EVERY:
            return False
        self._new = 0
        return is_stuck(self._tail)


def is_stuck(text: str) -> bool:
    """Does a text end with the same words four times or more, 24 words in all?"""
    words = text.split()[-_TIMES * _LONGEST - 1 :][:-1]  # the last word may not be whole yet
    for period in range(1, min(_LONGEST, len(words) // _TIMES) + 1):
        if _repeated(words, period) >= max(_TIMES * period, _FEWEST_WORDS):
            return True
    tail = text[-_FEWEST_CHARACTERS:]
    return len(tail) == _FEWEST_CHARACTERS and any(
        tail[period:] == tail[:-period] for period in range(1, _LONGEST_PATTERN + 1)
    )


def _repeated(words: list[str], period: int) -> int:
    """How many of the last words are those of `period` places before, with the first period."""
    at = len(words) - 1
    while at >= period and words[at] == words[at - period]:
        at -= 1
    return len(words) - 1 - at + period

"""Questions that are answered by yes or no, and such answers."""

from __future__ import annotations

import re

from schemas.text import nfkc

_YES = re.compile(r"\W*(?:yes|yeah|yep|correct|true|да|верно|конечно)\b[\s,.:;!—–-]*")
_NO = re.compile(
    r"\W*(?:no|nope|incorrect|false|нет|неверно)\b(?!\s+\w+ (?:is|are|was)\b)[\s,.:;!—–-]*"
)
_ASKS = re.compile(
    r"\W*(?:is|are|was|were|am|do|does|did|can|could|may|must|should|shall|will|would|has|have|had|"
    r"isn't|aren't|don't|doesn't|can't|можно|нужно|надо|обязательно|является|правда)\b"
)
_LI = re.compile(r"\bли\b")
_OR = re.compile(r"\bor\b|\bили\b")


def polar(answer: str) -> int:
    """1 for an answer that begins with yes, -1 for no, 0 otherwise."""
    plain = _plain(answer)
    return 1 if _YES.match(plain) else -1 if _NO.match(plain) else 0


def rest(answer: str) -> str:
    """An answer without its yes or no."""
    plain = _plain(answer)
    found = _YES.match(plain) or _NO.match(plain)
    return nfkc(answer)[found.end() :] if found else answer


def asks(question: str) -> bool:
    """Does a question want a yes or a no? One between two things, with `or`, does not."""
    plain = _plain(question)
    return bool(_ASKS.match(plain) or _LI.search(plain)) and not _OR.search(plain)


def _plain(text: str) -> str:
    return nfkc(text).casefold()


_REFUSES = re.compile(
    r"\b(?:documents?|sources?|context|passages?|texts?|information|guide|pages?|here)\b.{0,40}"
    r"\b(?:not|n't|nothing|no|doesn't|don't)\b.{0,24}"
    r"\b(?:say|state|mention|contain|specif|found|find|given|cover|information|provide)"
    r"|\bno (?:information|mention)\b|\bi (?:do not|don't|cannot|can't) (?:know|find|answer|tell)"
    r"|документ.{0,60}(?:не говор|не указ|не сказ|ничего|нет|не упом|не наш)"
    r"|(?:нет|не нашл|не наш)\w*.{0,24}(?:информаци|сведений|данных)|ничего (?:не сказано|нет)"
    r"|не (?:знаю|указано|сказано|говорится|упоминается)"
)


def refuses(answer: str) -> bool:
    """Does an answer say that the documents do not tell?"""
    return bool(_REFUSES.search(_plain(answer)[:_FIRST]))


_FIRST = 400  # characters of an answer that say so, if any do

"""Profanity and insults, English and Russian, by stems of whole words."""

from __future__ import annotations

import re

from almanac.guards.hidden import readable

Span = tuple[int, int]
_PREFIX = r"(?:за|на|по|вы|от|до|о|об|у|при|про|пере|разъ?|съ|въ|под|не|недо|из)?"
_RUSSIAN = (
    rf"{_PREFIX}ху(?:[йеёюя]|ев|иш)\w*",
    rf"{_PREFIX}пизд\w*",
    rf"{_PREFIX}[её]б(?:а[^кт]|ан|ат|у|л|нут|ло|ыр|ись)\w*",
    r"бля(?:д\w*|т\w*|ха-муха)?",
    r"муд(?:ак|ил|озв)\w*",
    r"г[ао]вн\w*",
    r"дерьм\w*",
    r"жоп\w*",
    r"сук(?:а|и|у|ой|ин\w*)",
    r"сволоч\w*",
    r"ублюд\w*",
    r"мраз(?:ь|и|ей)",
    r"козл(?:ы|ина|ов|у|ом|ами)",
    r"козёл",
    r"дебил\w*",
    r"идиот\w*",
    r"кретин\w*",
    r"придур\w*",
    r"тупиц\w*",
    r"дура(?:к|ки|ков|чьё)?",
    r"скотин\w*",
    r"урод(?:ы|ов|ина)?",
    r"лохи?",
    r"шлюх\w*",
    r"падл\w*",
    r"засран\w*",
    r"отвали(?:те)?",
    r"заткни(?:сь|тесь)",
    r"пош[её]л (?:ты|вон|на)",
    r"идите? (?:к ч[её]рту|в жопу|на)",
    r"ч[её]рт (?:возьми|побери)",
)
_ENGLISH = (
    r"(?:mother)?fuck\w*",
    r"f[*]+ck\w*",
    r"(?:bull|horse)?shit\w*",
    r"bitch\w*",
    r"bastards?",
    r"ass ?holes?",
    r"arse(?:hole)?s?",
    r"dumb ?ass(?:es)?",
    r"dick ?head\w*",
    r"cunts?",
    r"wankers?",
    r"twats?",
    r"whores?",
    r"sluts?",
    r"crap(?:py)?",
    r"god ?damn\w*",
    r"damn(?:ed)?(?: it| you)?",
    r"bloody (?:hell|stupid|idiot\w*|fool\w*|moron\w*)",
    r"piss(?:ed)? off",
    r"morons?",
    r"idiots?",
    r"imbeciles?",
    r"retards?",
    r"jackass(?:es)?",
    r"scumbags?",
    r"dumb(?:o|os)",
    r"shut (?:the hell )?up",
    r"go to hell",
    r"screw you",
    r"you(?:'re| are) (?:so |too |an? )?(?:stupid|dumb|lazy|fool)\w*",
)
_BAD = re.compile(rf"(?<!\w)(?:{'|'.join((*_RUSSIAN, *_ENGLISH))})(?!\w)", re.IGNORECASE)


def profane(text: str) -> list[Span]:
    """Where bad words stand in a text; empty where it has none.

    A text with letters that are borrowed from another alphabet is looked at as it looks; its bad
    words then are the whole text.
    """
    spans = [match.span() for match in _BAD.finditer(text)]
    if not spans and not text.isascii() and _BAD.search(readable(text)):
        return [(0, len(text))]
    return spans

"""A text with its numbers in one form: fractions and halves in figures, without marks of lists."""

from __future__ import annotations

import re

from almanac.claims.number_words import ENGLISH
from schemas.text import nfkc

_LISTED = re.compile(r"^[^\S\n]{0,8}\d{1,2}[.)](?=\s)", re.MULTILINE)
_CITED = re.compile(r"\[\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,9}\]")
_SIGNS = str.maketrans({"½": " 1/2", "¼": " 1/4", "¾": " 3/4"})
_SHARES = {"1/2": 0.5, "1/4": 0.25, "3/4": 0.75}
_FRACTION = re.compile(r"(?<![\d/.,])(?:(\d{1,4}) (?:and )?)?(1/2|1/4|3/4)(?![\d/])")
_HALF_MORE = re.compile(r"\b(\d{1,4}|[a-z]{1,9}) and a half\b")
_UNIT_AND_HALF = re.compile(r"\b(?:an?|one) ([a-z]{1,10}) and a half\b")
_QUARTERS = re.compile(
    r"\b(?:(three) quarters|(?:a |one )?quarter)(?= of (?!an? (?:hour|year|century|day)))"
)


def in_figures(text: str) -> str:
    """NFKC, case folded, `ё` as `е`; `1½ hours`, `an hour and a half` as `1.5 hour`; a quarter of
    something as 25 percent. The numbers of list items and of citations are left out. Linear."""
    plain = nfkc(text.translate(_SIGNS)).casefold().replace("ё", "е")
    plain = _CITED.sub(" ", _LISTED.sub(" ", plain))
    plain = _FRACTION.sub(lambda one: f"{int(one[1] or 0) + _SHARES[one[2]]:g}", plain)
    plain = _UNIT_AND_HALF.sub(r"1.5 \1", plain)
    plain = _HALF_MORE.sub(_and_half, plain)
    return _QUARTERS.sub(lambda one: "75 percent" if one[1] else "25 percent", plain)


def _and_half(found: re.Match[str]) -> str:
    word = found[1]
    value = float(word) if word.isdigit() else ENGLISH.get(word)
    return found[0] if value is None else f"{value + 0.5:g}"

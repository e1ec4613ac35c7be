"""One spelling of a text, so that what looks alike is found and compares alike."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

# Soft hyphens, zero-width spaces, byte order marks and marks of direction: nobody sees them.
_INVISIBLE = dict.fromkeys(
    map(
        ord,
        "\u00ad\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    )
)
_LIGATURES = {
    ord(one): letters
    for one, letters in zip("ﬀﬁﬂﬃﬄﬅﬆ", ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True)
}
_REPLACED: dict[int, str | None] = {**_INVISIBLE, **_LIGATURES}
_REPLACED_LETTERS = frozenset(map(chr, _REPLACED))
# Joiners decide how Persian, Indic scripts and emoji look; between other letters they do nothing.
_JOINERS = frozenset("\u200c\u200d")
_JOINER = re.compile(
    "(?<=[\\u0000-\u052f\u1e00-\u1fff])[\u200c\u200d]|[\u200c\u200d](?=[\\u0000-\u052f])"
)
_TABLE_DELIMITER = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")


def is_table_delimiter(line: str) -> bool:
    """Whether a line without surrounding blanks is what follows the header of a Markdown table."""
    return "|" in line and "-" in line and _TABLE_DELIMITER.fullmatch(line) is not None


def has_markdown_table(text: str) -> bool:
    """Whether any line may be the second one of a Markdown table."""
    return "|" in text and any(is_table_delimiter(line.strip()) for line in text.splitlines())


def normalized(text: str) -> str:
    """`text` in NFC, without characters that nobody sees, typographic ligatures as letters.

    Idempotent. Most texts come back as they are.
    """
    if text.isascii():
        return text
    letters = frozenset(text)
    if letters & _REPLACED_LETTERS:
        text = text.translate(_REPLACED)
    if letters & _JOINERS:
        text = _JOINER.sub("", text)
    return unicodedata.normalize("NFC", with_short_marks(text))


def nfkc(text: str) -> str:
    """`normalized` in NFKC: what looks alike compares alike, whatever signs it is written with."""
    return text if text.isascii() else unicodedata.normalize("NFKC", normalized(text))


def with_short_marks(text: str) -> str:
    """`text` with no more than 30 combining marks in a row, a joiner (U+034F) after each 30.

    What sorts marks takes quadratic time on a longer row, and no language has one: this is the
    stream-safe form of Unicode Standard Annex 15. Idempotent.
    """
    if text.isascii() or not any(map(unicodedata.combining, frozenset(text))):
        return text  # most texts: each of their letters is looked at once
    return _long_marks().sub("\\1\u034f", text)


@cache
def _long_marks() -> re.Pattern[str]:
    points = (*range(0x0300, 0xAC00), *range(0xFB00, 0xFE30), *range(0x10000, 0x1EA00))
    marks = re.escape("".join(one for one in map(chr, points) if unicodedata.combining(one)))
    return re.compile(f"([{marks}]{{30}})(?=[{marks}])")

"""What a reader of a text does not see and a tokenizer does: invisible signs, look-alikes, Base64.

The code points are those of Unicode Technical Standard 39 and of the attacks that use them.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from schemas.text import nfkc

# A flag may be spelt with tags after U+1F3F4; any other tag is a hidden letter.
_TAGS = re.compile("(?<!\U0001f3f4)(?<![\U000e0020-\U000e007f])[\U000e0000-\U000e007f]")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3,}")
_OVERRIDES = re.compile("[\u202d\u202e]")
_EMBEDDINGS = re.compile("[\u202a\u202b\u2066-\u2069]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e"
_RUN = re.compile(f"[{_ZERO_WIDTH}]{{4,}}")
_UNSEEN = re.compile(f"[{_ZERO_WIDTH}\u200e\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e01ef]")
_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{4}){6,}(?:[A-Za-z0-9+/_-]{2,3})?={0,2}"
)
_MIXED = re.compile(r"\b(?=\w*[a-zA-Z])(?=\w*[^\Wa-zA-Z_])\w+")  # Latin and other signs
_LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁһкмтАВЕКМНОРСТХІЈЅ01345", "aeopcyxijsdhkmtABEKMHOPCTXIJSoieas"
)


def hidden(text: str) -> str | None:
    """The rule that unseen signs of a text break, by name.

    Single zero-width signs are common in copied text, and joiners in emoji and in some scripts: a
    run of four hides something.
    """
    if text.isascii():
        return None
    if _TAGS.search(text) or _SELECTORS.search(text):
        return "hidden_letters"
    if _OVERRIDES.search(text):
        return "bidi"
    if _EMBEDDINGS.search(text) and not _RIGHT_TO_LEFT.search(text):
        return "bidi"
    return "zero_width" if _RUN.search(text) else None


def readable(text: str) -> str:
    """The text as it looks: no unseen signs, NFKC, Latin words without borrowed letters."""
    seen = text if text.isascii() else nfkc(_UNSEEN.sub("", text))
    return _MIXED.sub(lambda word: word[0].translate(_LOOK_ALIKE), seen)


def decoded(text: str) -> Iterator[str]:
    """The texts that stand in a text as Base64, plain or of URLs; hashes and keys are none."""
    for blob in _BASE64.findall(text):
        body = blob.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            found = base64.b64decode(body + "=" * (-len(body) % 4)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
        if found.isprintable() and " " in found:
            yield found

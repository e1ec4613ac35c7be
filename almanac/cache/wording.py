"""When two questions are one: the same text, or the same words but for small ones.

Nothing that may carry meaning is passed over: numbers, negations, names, prepositions, signs such
as `C++`, tenses, and the order of the words must be the same.
"""

from __future__ import annotations

import re
import unicodedata

from almanac.claims.number_words import ENGLISH
from schemas.hashing import sha256_text

_END = re.compile(r"(?:[\s?.…]|(?<=[^\W\d_])!)+$")
_AROUND = "\"'«»“”„‘’()[]"
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'"})
_BEFORE = "hi|hello|hey|good (?:morning|day|evening)|здравствуйте|добрый день|привет"
_ASKING = (
    "(?:can|could|would) you (?:please |kindly )?(?:tell|explain to) me|(?:please )?tell me|"
    "do you know|i(?: would|'d) like to know|i want to know|please|kindly|"
    "(?:пожалуйста,? )?(?:подскажите|скажите)(?:,? пожалуйста)?|пожалуйста"
)
_POLITE = re.compile(rf"^(?:(?:{_BEFORE})\b[\s,!.]*)?(?:(?:{_ASKING})\b[\s,:]*)?", re.IGNORECASE)
_THANKS = re.compile(r"[\s,]*\b(?:please|thanks|thank you|пожалуйста|спасибо)$", re.IGNORECASE)
_SMALL = frozenset({"a", "an", "the", "ли", "же"})
_SHORT = {
    "can't": "cannot", "won't": "will not", "shan't": "shall not", "what's": "what is",
    "who's": "who is", "where's": "where is", "when's": "when is", "how's": "how is",
    "that's": "that is", "there's": "there is", "it's": "it is", "i'm": "i am",
}  # fmt: skip
# An English plural; not of words that mean another thing in it, such as `customs`.
_PLURAL = re.compile(
    r"^(?!(?:news|goods|customs|means|arms|savings|glasses|terms|works|papers|grounds|manners|"
    r"premises|damages|contents|colours|colors|troops|spirits|looks|forces|stocks|shorts)$)"
    r"([a-z]{2,}[a-rt-z])s$"
)
_NUMBERS = {
    word: f"{value:g}"
    for word, value in ENGLISH.items()
    if word.isascii() and word not in ("twice", "half", "dozen")
}


def same_text(question: str) -> str:
    """Equal for the same text: blanks, the mark at its end and its first capital apart. SHA-256."""
    return sha256_text(_first_small(_END.sub("", _plain(question))))


def same_words(question: str) -> str | None:
    """Equal for questions of the same words in the same order: SHA-256; None where none are left.

    Greetings, `please`, articles and the plural of English nouns are passed over; `two` is 2 and
    `don't` is `do not`. Capitals must be the same but for the first word's: `US` is not `us`.
    """
    text = _END.sub("", _POLITE.sub("", _END.sub("", _plain(question))))
    text = _END.sub("", _THANKS.sub("", text))
    words = [one for piece in _first_small(text).split() for one in _words(piece)]
    return sha256_text(" ".join(words)) if words else None


def _plain(question: str) -> str:
    # NFC, since NFKC would make 2⁵ of 25.
    text = unicodedata.normalize("NFC", question).translate(_QUOTES)
    return " ".join(text.split())


def _first_small(text: str) -> str:
    """A first word that is only written large because it is the first one, written small."""
    first, blank, rest = text.partition(" ")
    is_capital = first[:1].isupper() and not any(map(str.isupper, first[1:]))
    return (first.casefold() if is_capital else first) + blank + rest


def _words(piece: str) -> list[str]:
    """What a piece between two blanks says; a sign that may mean something stays."""
    word = piece.strip(_AROUND).rstrip(",;:?.…").strip(_AROUND)
    small = word.casefold().replace("ё", "е")
    if not word or small in _SMALL:
        return []
    if small in _SHORT:
        return _SHORT[small].split()
    if small.endswith("n't"):
        return [small.removesuffix("n't"), "not"]
    if word != word.casefold():  # a name, or US and IT, which are no pronouns
        return [word]
    return [_NUMBERS.get(small) or _PLURAL.sub(r"\1", small)]

"""What a clause affirms and what it denies: each word with a sign.

A negation turns the words that follow it in its clause; `except`, `unless`, `without` and their
like turn what they name against the rest. Words that mean the opposite of each other count as one
word with two signs, so that `not allowed` says what `forbidden` says.
"""

from __future__ import annotations

import re
from functools import lru_cache

from almanac.core.stems import words
from schemas.text import nfkc

_CLAUSE = re.compile(
    r"[.;:!?()—–]\s+|[;:()—–]|,\s+(?!(?:except|unless|excluding|other than|apart|кроме|за исключ|"
    r"исключая|если не)\b)|"
    r"\b(?:but|while|whereas|although|though|however|и|а|но|однако|хотя)\b"
)
_EXCEPT = re.compile(
    r"\b(?:except(?:ions?)?(?: for| is| are)?|excluding|other than|apart from|unless|кроме|"
    r"(?:за )?исключени[ея]м?|исключая|если не)\b"
)
_ALL_BUT = re.compile(r"\b(every(?:one|body|thing)|all|any(?:one|body|thing)) but\b")
# What is said to be lacking, in whatever words: `without a token`, `if no token is given`, `if the
# token is missing`. It denies the thing, and nothing else of the clause.
_LACKING = re.compile(
    r"\b(?:(?:if|when|where) (?:there (?:is|are) )?no|without(?: (?:a|an|the|any))?"
    r"|lacking(?: (?:a|an|the|any))?|in the absence of(?: (?:a|an|the))?|без|при отсутствии)"
    r"\s+([^\W\d_]+)"
    r"(?: (?:is|are|was|were|has been|have been)(?: [^\W\d_]+)?)?"
)
_MISSING = re.compile(
    r"\b(?:if|when|если)\s+(?:(?:a|an|the|your|any) )?([^\W\d_]+) (?:(?:is|are) (?:missing|absent)"
    r"|(?:is|are|was|were)(?:n't| not) [^\W\d_]+|не [^\W\d_]+|отсутствует)"
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_DENY = (
    "not no never none nor cannot neither nobody nothing hardly "
    "нет не ни никогда нельзя никто ничего"
)
_NOT = frozenset(_DENY.split())
_AFTER_NOT = frozenset({"only", "just", "merely", "только"})  # `not only` denies nothing
# The first means yes, the second no; each a list of stems' words in any form.
OPPOSITES: tuple[tuple[str, str], ...] = (
    (
        "allowed allow permitted permit may can able possible authorised authorized eligible "
        "entitled разрешено разрешен разрешена разрешены разрешается допускается можно может могут "
        "вправе",
        "forbidden forbid prohibited prohibit banned ban disallowed impossible unable ineligible "
        "запрещено запрещен запрещена запрещены запрещается нельзя невозможно",
    ),
    (
        "required require mandatory compulsory must need needed necessary obligatory обязательно "
        "обязателен обязательна нужно нужен нужна нужны необходимо требуется должен должны должна "
        "обязан обязаны",
        "optional voluntary unnecessary needless добровольно необязательно необязателен",
    ),
    ("open opens opened открыт открыта открыто открыты", "closed close closes shut закрыт закрыта"),
    (
        "increase increased rise rose grew grow увеличить вырос выросла повысить растет",
        "decrease decreased fall fell dropped drop shrank уменьшить снизился снизилась падает",
    ),
    ("before earlier prior до раньше перед", "after later following после позже"),
    ("above over exceeds выше свыше", "below under beneath ниже менее"),
    ("more greater higher larger bigger больше выше старше", "less fewer lower smaller меньше"),
    ("older oldest старше старейший", "younger youngest младше моложе"),
    (
        "include includes included including включает включен входит",
        "exclude excludes excluded исключает исключен",
    ),
    ("always всегда", "never никогда"),
    ("safe безопасно безопасен", "unsafe dangerous опасно опасен"),
    (
        "accept accepted approve approved принять одобрен",
        "reject rejected refuse refused decline declined отклонен отклонить отказано",
    ),
    ("enable enabled включить включен", "disable disabled выключить отключить отключен"),
    ("free бесплатно бесплатный бесплатная бесплатен", "paid charged chargeable платно платный"),
    ("maximum most максимум максимальный", "minimum least минимум минимальный"),
    ("win won победил выиграл", "lose lost проиграл"),
    ("inside indoors внутри", "outside outdoors снаружи"),
    (
        "works work working succeeds succeed работает проходит",
        "fails fail failed failing",
    ),
    ("same одинаковый одинаковые", "different differ distinct разный разные различный"),
    ("public публичный открытый", "private частный закрытый"),
)


def _roots() -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for at, pair in enumerate(OPPOSITES):
        for side, sign in zip(pair, (1, -1), strict=True):
            for word in side.split():
                found.setdefault(word, (f"={at}", sign))
                for stem in words(word).stems:
                    found.setdefault(f"~{stem}", (f"={at}", sign))
    return found


_ROOTS = _roots()
# Pairs whose no denies all that their clause says, before and after.
_DENIALS = ("=0", _ROOTS["exclude"][0], _ROOTS["reject"][0])


def _root(word: str) -> tuple[str, int] | None:
    """The pair of opposites of a word in any of its forms, and on which side it is."""
    if word in _ROOTS:
        return _ROOTS[word]
    stems = words(word).stems
    return _ROOTS.get(f"~{stems[0]}") if stems and len(word) > 3 else None


@lru_cache(maxsize=4_096)
def signs(text: str) -> tuple[dict[str, int], ...]:
    """Of each clause: its stems and pairs of opposites (`=0`, ...) with 1 or -1.

    2 or -2 for what is excepted. Linear in the text. A clause that has no word is left out.
    """
    plain = nfkc(text).casefold().replace("ё", "е").replace("’", "'")
    plain = _ALL_BUT.sub(r"\1 except", plain)
    return tuple(found for piece in _CLAUSE.split(plain) if (found := _of_clause(piece)))


def _of_clause(piece: str) -> dict[str, int]:
    found: dict[str, int] = {}
    lacking: list[str] = []
    for pattern in (_LACKING, _MISSING):
        lacking += pattern.findall(piece)
        piece = pattern.sub(" ", piece)
    main, *rest = _EXCEPT.split(piece)
    base = _mark(main, 1, found)
    if lacking:
        return _lacking(found, lacking)
    if any(found.get(root, 0) < 0 for root in _DENIALS):  # forbidden, not allowed, excluded
        found = dict.fromkeys(found, -1)
        base = -1
    excepted: dict[str, int] = {}
    for part in rest:
        _mark(part, -base, excepted)
    # What is excepted says more than the rest of its clause: its sign is 2 or -2.
    return found | {stem: 2 * sign for stem, sign in excepted.items()}


def _lacking(found: dict[str, int], lacking: list[str]) -> dict[str, int]:
    """A clause with things that it says are lacking; `no entry without a badge` needs the badge."""
    denies = any(found.get(root, 0) < 0 for root in _DENIALS)
    things = {stem: 1 if denies else -1 for word in lacking for stem in words(word).stems}
    if denies:
        found = dict.fromkeys(found, 1) | {_ROOTS["needed"][0]: 1}
        found.pop(_ROOTS["allowed"][0], None)
    return found | things


def _mark(text: str, sign: int, found: dict[str, int]) -> int:
    """Note the words of a text; the sign that it ends with."""
    spoken = _WORD.findall(text)
    for at, said in enumerate(spoken):
        after = spoken[at + 1] if at + 1 < len(spoken) else ""
        denies = denied(said) and after not in _AFTER_NOT
        if denies:
            sign = -sign
        word = _plain(said)
        if root := _root(word):
            # `may not` and `not may` deny alike; `never` is its own denial.
            turned = -sign if denied(after) and not denies else sign
            found.setdefault(root[0], turned * (1 if denies else root[1]))
        elif not denies and len(word) > 2:
            for stem in words(word).stems:
                found.setdefault(stem, sign)
    return sign


def denied(word: str) -> bool:
    """Is it a word of negation?"""
    return word in _NOT or word.endswith("n't")


def _plain(word: str) -> str:
    if word == "cannot":
        return "can"
    return word.removesuffix("'t").removesuffix("n") if word.endswith("n't") else word

"""Who is more than whom: `A is older than B`, `A старше, чем B`, `A старше B`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from almanac.claims.content import content
from almanac.claims.numbers import quantities
from almanac.core.stems import sentences
from schemas.text import nfkc

_SIGNS = {
    word: ("=" + kind, sign)
    for kind, more, less in (
        ("age", "older elder старше", "younger моложе младше"),
        ("size", "larger bigger greater больше крупнее", "smaller меньше мельче"),
        ("height", "higher taller выше", "lower shorter ниже"),
        ("length", "longer длиннее дольше", "shorter короче"),
        ("speed", "faster quicker быстрее", "slower медленнее"),
        ("price", "dearer costlier pricier дороже", "cheaper дешевле"),
        ("time", "earlier sooner before раньше до", "later after позже после"),
        ("good", "better лучше", "worse хуже"),
        ("weight", "heavier тяжелее", "lighter легче"),
        ("safe", "safer безопаснее", "riskier опаснее"),
    )
    for words_, sign in ((more, 1), (less, -1))
    for word in words_.split()
}
_WORD = r"[^\W\d_]+"
_ENGLISH = re.compile(
    rf"\b(?:(more|less|fewer)\s+({_WORD})|({_WORD}er|more|less|worse))\b(?:\s+{_WORD}){{0,3}}?\s+than\b"
)
_RUSSIAN = re.compile(
    rf"\b(?:(более|менее)\s+({_WORD})|({_WORD}(?:ше|же|че|ее)))\b(?:\s*,\s*чем\b)?"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`more` is said to have more of `of` than `less`; both as the stems of their words."""

    of: str
    more: frozenset[str]
    less: frozenset[str]


def comparisons(text: str) -> list[Comparison]:
    """Those of each sentence, at most one each; what compares with a thing unnamed is left out."""
    found = []
    for piece in sentences(text):
        plain = nfkc(piece).casefold().replace("ё", "е")
        hit = _ENGLISH.search(plain) or _RUSSIAN.search(plain)
        if hit is None:
            continue
        of, sign = _of(hit)
        first, second = content(plain[: hit.start()]), content(plain[hit.end() :])
        if _DENIED.search(plain[: hit.start()]):
            sign = -sign
        if first and second:
            found.append(Comparison(of, *((first, second) if sign > 0 else (second, first))))
    return found


_DENIED = re.compile(r"\b(?:not|never|не)\s*$|n't\s*$")


def _of(hit: re.Match[str]) -> tuple[str, int]:
    how, what, one = hit[1], hit[2], hit[3]
    if how:
        return what, -1 if how in ("less", "fewer", "менее") else 1
    return _SIGNS.get(one, (one, 1))


def order(said: Comparison, other: Comparison) -> int:
    """1 where two comparisons say the same, -1 where they say the opposite, 0 where neither."""
    if said.of != other.of:
        return 0
    straight = len(said.more & other.more) + len(said.less & other.less)
    crossed = len(said.more & other.less) + len(said.less & other.more)
    return (straight > crossed) - (straight < crossed)


def measured(said: Comparison, passage: str) -> int:
    """The same by the amounts that a passage gives of the two: 1, -1, or 0 where it gives none.

    The amount of a thing is the greatest in the sentence that names it, and least the other.
    Who is older was born in an earlier year.
    """
    pieces = sentences(passage)
    more = _amount(said.more - said.less, said.less - said.more, pieces)
    less = _amount(said.less - said.more, said.more - said.less, pieces)
    if more is None or less is None or more == less:
        return 0
    if said.of not in _AMOUNTS and not content(said.of) & content(passage):
        return 0  # more precise is no greater amount; more leave is, where leave is counted
    years = said.of == "=age" and min(more, less) > _YEAR
    return 1 if (more > less) != years else -1


_AMOUNTS = {"=age", "=size", "=height", "=length", "=price", "=weight", "=speed", "more", "less"}
_YEAR = 1000.0


def _amount(names: frozenset[str], others: frozenset[str], pieces: list[str]) -> float | None:
    best, amount = 0.0, None
    for piece in pieces:
        held = content(piece)
        about = len(names & held) / len(names or {""}) - len(others & held) / len(others or {""})
        if about > best and (found := quantities(piece)):
            best, amount = about, max(one.number for one in found)
    return amount

"""Does a passage support a claim, by what can be compared as such?

Rules, each by its name: `number` (amounts, dates, clock times), `name`, `negation` (and exceptions
and opposites), `yes_no`, `comparison`. A rule that finds nothing to compare says nothing. One that
contradicts outweighs all that support. Time grows with the clauses of the claim times those of the
passage: 0.1 s for an answer of a sentence and 70 kB of passages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from almanac.claims.comparison import comparisons, measured, order
from almanac.claims.content import DATED, capitals, content, named, names, written_alike
from almanac.claims.numbers import quantities
from almanac.claims.polarity import signs
from almanac.claims.yes_no import asks, polar, rest
from almanac.core.stems import sentences

Says = Literal["supports", "contradicts", "unclear"]
_FEW = 2  # stems of a claim that says no more than its number, such as `a month`
_TURNED = 2.5  # words that one counts for whose sign is turned
_NEAR = 3  # sentences of a passage that a number may stand in to be the one that is meant


@dataclass(frozen=True, slots=True)
class Checked:
    """supports and contradicts: rules that found so. lacks: rules whose name or number the passage
    has nowhere, so that no likeness of words or meaning can stand for it."""

    supports: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()

    @property
    def says(self) -> Says:
        """One word for all."""
        if self.contradicts:
            return "contradicts"
        return "supports" if self.supports and not self.lacks else "unclear"


def check(question: str, claim: str, passage: str) -> Checked:
    """Hold an answer (`claim`) to a question against a passage."""
    pieces = _nearest(f"{question} {claim}", passage)
    found = [
        ("number", _numbers(question, claim, pieces, passage)),
        ("name", _names(question, claim, passage)),
        ("comparison", _comparison(claim, passage)),
    ]
    how = "yes_no" if asks(question) and polarity(question, claim) else "negation"
    found.append((how, _polarity(question, claim, pieces)))
    return Checked(*(tuple(rule for rule, one in found if one == said) for said in _SAID))


_SAID = ("supports", "contradicts", "lacks")


def _nearest(said: str, passage: str) -> list[str]:
    """The sentences of a passage, those with the most words of what is said first."""
    wanted = content(said)
    pieces = sentences(passage)
    shared = {piece: len(wanted & content(piece)) for piece in pieces}
    if not any(shared.values()):
        return pieces  # another language, or other words
    return sorted((one for one in pieces if shared[one]), key=lambda one: -shared[one])


def _numbers(question: str, claim: str, pieces: list[str], passage: str) -> str:
    known = quantities(question)
    wanted = [
        one
        for one in quantities(claim, claimed=True)
        if not any(one.equals(other) for other in known)
    ]
    near = [one for piece in pieces[:_NEAR] for one in quantities(piece)]
    if len(content(claim)) > _FEW:
        wanted = [one for one in wanted if not one.is_loose or any(map(one.equals, near))]
    if not wanted:
        return ""
    if all(any(one.equals(other) for other in near) for one in wanted):
        return "supports"
    if all(any(one.equals(other) for other in quantities(passage)) for one in wanted):
        return ""
    alike = [one for one in wanted if one.measure and any(one.comparable(other) for other in near)]
    missing = [one for one in alike if not any(one.equals(other) for other in near)]
    return "contradicts" if missing else "lacks"


def _names(question: str, claim: str, passage: str) -> str:
    known = content(question) | capitals(question)
    wanted = names(claim) | (capitals(claim) & names(passage))
    wanted = frozenset(one for one in wanted - known if not one[0].isdigit() and one not in DATED)
    if not wanted:
        return ""
    held = content(passage)
    if all(named(one, held) for one in wanted):
        return "supports"
    return "lacks" if written_alike(claim, passage) else ""


def _comparison(claim: str, passage: str) -> str:
    orders = {order(one, other) for one in comparisons(claim) for other in comparisons(passage)} - {
        0
    }
    if orders:
        return "contradicts" if -1 in orders else "supports"
    measured_ = {measured(one, passage) for one in comparisons(claim)} - {0}
    return "contradicts" if -1 in measured_ else "supports" if measured_ else ""


def _polarity(question: str, claim: str, pieces: list[str]) -> str:
    """A yes or no is held against the question as a statement, all else against its own words."""
    answer = polarity(question, claim) if asks(question) else 0
    found = []
    if answer:
        found.append(_agreement(question, pieces) * answer)
    told = rest(claim) if answer else claim
    if len(content(told)) > 1:
        found.append(_agreement(told, pieces))
    if -1 in found:
        return "contradicts"
    return "supports" if 1 in found and answer else ""


def _agreement(said: str, pieces: Iterable[str]) -> int:
    """1 where the passage affirms and denies what is said alike, -1 where it does not.

    The clause with the most words of what is said decides, unless another clause, which has a word
    that this one lacks, says the opposite. 0 where no clause shares half of the words.
    """
    clauses = [one for piece in pieces for one in signs(piece)]
    verdicts = []
    for own in signs(said):
        wanted = {stem: sign for stem, sign in own.items() if _counts(stem)}
        if wanted:
            verdicts.append(_clause_agreement(wanted, clauses))
    return -1 if -1 in verdicts else max(verdicts, default=0)


def _clause_agreement(wanted: dict[str, int], clauses: list[dict[str, int]]) -> int:
    ranked = []
    for other in clauses:
        shared = {stem: wanted[stem] * other[stem] for stem in wanted if stem in other}
        if len(shared) > 1 or len(shared) == len(wanted):
            ranked.append((len(shared) / len(wanted), _alike(wanted, shared), frozenset(shared)))
    ranked.sort(key=lambda one: -one[0])
    if not ranked or ranked[0][0] < _HALF:
        return 0
    _, verdict, words_ = ranked[0]
    for share, another, more in ranked[1:]:
        if another == -1 and share >= _HALF / 1.5 and more - words_:
            return -1
    return verdict


_HALF = 0.5


def _alike(own: dict[str, int], shared: dict[str, int]) -> int:
    """Exceptions decide, then pairs of opposites, then the most. `own` is all that is said."""
    if excepted := [one for stem, one in shared.items() if abs(one) > 1]:
        if max(map(abs, own.values())) > 1:  # both speak of exceptions
            return 1 if max(excepted) > 1 else -1
        whole = -1 if min(own.values()) < 0 else 1
        # A clause against which something is excepted is itself affirmed or denied.
        return whole * (
            1 if sum(shared[s] * own[s] for s in shared if abs(shared[s]) > 1) > 0 else -1
        )
    if any(one < 0 for stem, one in shared.items() if stem[0] == "="):
        return -1
    # What stands before a negation keeps its sign ("At weekends bicycles are not carried"), so one
    # word that is turned says more than two that are not.
    total = sum(one if one > 0 else _TURNED * one for one in shared.values())
    return (total > 0) - (total < 0)


def _counts(stem: str) -> bool:
    return stem[0] == "=" or bool(content(stem))


def polarity(question: str, answer: str) -> int:
    """1 where an answer says yes to a question, -1 where it says no, in whatever words; else 0."""
    return polar(answer) or (_agreement(question, [answer]) if asks(question) else 0)


def agree(question: str, one: str, other: str) -> bool:
    """Do two answers give the same amounts or names, and nothing that tells them apart?"""
    there, back = check(question, one, other), check(question, other, one)
    alike = {"number", "name"} & set(there.supports) & set(back.supports)
    return bool(alike) and not differ(question, one, other)


def differ(question: str, response: str, expected: str) -> tuple[str, ...]:
    """Rules by which a response says something else than the expected answer, if any."""
    found = []
    if asks(question) and polarity(question, response) * polarity(question, expected) < 0:
        found.append("yes_no")
    there, back = check(question, response, expected), check(question, expected, response)
    found += [one for one in (*there.contradicts, *back.contradicts) if one != "yes_no"]
    found += [one for one in back.lacks if one == "name"]
    if "number" in back.lacks and _other_numbers(question, response, expected):
        found.append("number")
    if "comparison" in there.supports:  # A is larger than B: B is smaller than A
        found = [one for one in found if one != "negation"]
    if _compared_with(response, expected):
        found.append("comparison")
    return tuple(dict.fromkeys(found))


def _other_numbers(question: str, response: str, expected: str) -> bool:
    """Has a response a number of its own in the place of one that was expected?

    One that says `weekly`, where `every 7 days` was expected, has none.
    """
    known = quantities(question)
    ours, theirs = quantities(response, claimed=True), quantities(expected, claimed=True)
    return any(
        not one.is_loose and one.comparable(other)
        for other in theirs
        if not any(other.equals(one) for one in (*ours, *known))
        for one in ours
        if not any(one.equals(another) for another in (*theirs, *known))
    )


def _compared_with(response: str, expected: str) -> bool:
    """Is what was expected only what the response compares its own answer with?"""
    wanted = content(expected)
    return any(
        (wanted & one.less and not wanted & one.more) or False for one in comparisons(response)
    ) and not comparisons(expected)

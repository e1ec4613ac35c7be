"""Right answers as an assistant gives them: full sentences, with the passage that says them.

Users correct in a word or two ("Berlin", "no"), and a model that is trained on such answers answers
so. Where the passages have a sentence that says the correction, the answer becomes that sentence.
Nothing is made up: every word is the user's or a passage's, and the rules of `almanac.claims` must
find no contradiction. Where no sentence is found the answer stays as it is, and is a `span`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from almanac.claims.check import check
from almanac.claims.yes_no import asks, polar, rest
from almanac.core.stems import Rarity, sentences, words
from almanac.guards.grounding import Sources, unfounded
from schemas.examples import Style

COMPLETIONS = "1"  # raise it with any change of what is written or told to be a span
_ENOUGH = 0.5  # of the weight of the question's words that the passages know
_MUCH = 0.2  # of it that more sentences must add to be taken instead of fewer
_FEWEST = 2  # of such words
_LONGEST = 90  # words of an answer made of passages
_LONG = 12  # words of a text that reads as a sentence without a full stop
_CITED = 0.7  # of an answer's weight that a passage must hold to be named for it
_END = re.compile(r"[.!?…:;]['\"»”)\]]*$")
_GLUED = re.compile(r"(?<=[a-zа-яё\d\s)\]\"”»][.!?])(?=[A-ZА-ЯЁ«“\"][^.])")
_SHORTENED = re.compile(
    r"(?:^|[\s(])(?:[A-ZА-ЯЁ]|Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Col|Lt|No|vs|sq|approx|ca|c|т|им|г|св"
    r"|ул|стр|(?:\w\.)+\w)\.$"
)
_LOWER = re.compile(r"(?<!\w)[a-zа-яё]{2,}")
_MARKUP = re.compile(r"^\s*(?:#{1,6}\s+|[-*+>]\s+|\d+[.)]\s+)|\*\*|`(?=\w)|(?<=\w)`", re.M)
_ABBREVIATION = re.compile(r"(?<!\w)[A-ZА-ЯЁ]{2,}(?!\w)")
_CITATION = re.compile(r"\[\d{1,3}\]")
_POINTING = re.compile(
    r"(?:he|she|it|they|his|her|its|their|this|these|that|those|the latter|the former|such|also"
    r"|он|она|оно|они|его|её|ее|их|это|этот|эта|эти|такой|такие|там|тогда)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer, and how it came: see `schemas.examples.Style`."""

    text: str
    style: Style


def complete(question: str, answer: str, context: Sequence[str], numbered: bool) -> Completion:
    """The answer in full sentences, as far as the passages have them.

    `numbered`: the prompt numbers its passages as [1], so an answer names those it is from.
    """
    text = answer.strip()
    if is_copy(text, context):
        return Completion(text, "copy")
    if is_sentence(text):
        return Completion(_cited(text, context) if numbered else text, "as_written")
    found = _from_passages(question, text, context)
    if found is None:
        return Completion(text, "span")
    said, number = found
    return Completion(_with_number(said, number) if numbered else said, "passage")


def is_copy(text: str, context: Sequence[str]) -> bool:
    """Is it a long passage, word by word, where an answer was wanted?"""
    plain = " ".join(text.split())
    return len(plain.split()) > _LONGEST and any(plain in " ".join(one.split()) for one in context)


def is_sentence(text: str) -> bool:
    """Does a text read as a sentence or more? By its form alone: length, capital, full stop."""
    count = len(re.findall(r"\w+", text))
    begins = bool(text) and not text[0].islower()
    if not begins or (polar(text) and not rest(text).strip()):
        return False
    if not _LOWER.search(text):
        return False
    return count >= _LONG or (count > 2 and bool(_END.search(text)))


def pieces_of(text: str) -> list[str]:
    """The sentences of a passage without markup; those that stand without a blank are parted."""
    found: list[str] = []
    for piece in sentences(_GLUED.sub(" ", text.replace("\ufeff", ""))):
        plain = " ".join(_MARKUP.sub("", piece).split())
        if found and _SHORTENED.search(found[-1]):
            found[-1] = f"{found[-1]} {plain}"
        elif plain:
            found.append(plain)
    return [one for one in found if "|" not in one and "```" not in one]


def _from_passages(question: str, answer: str, context: Sequence[str]) -> tuple[str, int] | None:
    """The best sentences with the number of their passage."""
    known = [pieces_of(text) for text in context]
    rarity = Rarity(piece for some in known for piece in some)
    held = frozenset(stem for some in known for piece in some for stem in words(piece).known)
    wanted = (words(question).known - words(answer).known) & held
    if len(wanted) < _FEWEST:
        return None
    best: tuple[float, str, int] | None = None
    for number, some in enumerate(known, 1):
        for sentences_, said in _readings(question, answer, some):
            covered = rarity.cover(wanted, words(sentences_).known)
            # The shortest of those that say enough come first.
            better = covered >= _ENOUGH and (best is None or covered > best[0] + _MUCH)
            if better and _holds(question, answer, sentences_, context[number - 1]):
                best = (covered, said, number)
    return (best[1], best[2]) if best else None


def _readings(question: str, answer: str, pieces: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Sentences that may say the answer, with the answer that would be made of them.

    One alone; then one with the sentence before it; then one with any other, after the answer
    itself, since neither says it alone.
    """
    verdict = polar(answer) if asks(question) else 0
    stems = words(answer)
    holding = [at for at, one in enumerate(pieces) if verdict or words(one).say(stems)]
    lead = _led(answer)
    for at in holding:
        if not _POINTING.match(pieces[at]):
            yield from _short(pieces[at], f"{lead} {pieces[at]}" if verdict else pieces[at])
    for at in holding:
        if at and not _POINTING.match(pieces[at - 1]):
            both = f"{pieces[at - 1]} {pieces[at]}"
            yield from _short(both, f"{lead} {both}" if verdict or lead else both)
    if verdict or not lead:
        return
    for at in holding:
        for other in range(len(pieces)):
            if other not in (at, at - 1) and not _POINTING.match(pieces[min(at, other)]):
                both = " ".join(pieces[one] for one in sorted((at, other)))
                yield from _short(both, f"{lead} {both}")


def _short(sentences_: str, said: str) -> Iterator[tuple[str, str]]:
    if is_sentence(sentences_) and len(said.split()) <= _LONGEST:
        yield sentences_, said


def _led(answer: str) -> str:
    """The answer as words that can stand before the sentences; empty for a part of a sentence."""
    text = answer.strip().rstrip(".")
    if not text or (text[0].islower() and not polar(text)):
        return ""
    return f"{text[0].upper()}{text[1:]}."


def _holds(question: str, answer: str, said: str, passage: str) -> bool:
    """Do the rules find the answer in the sentences, and nothing against it?"""
    found = check(question, answer, said)
    if found.contradicts or found.lacks:
        return False
    if asks(question) and polar(answer) and "yes_no" not in found.supports:
        return False
    return not check(question, said, passage).contradicts


def _cited(text: str, context: Sequence[str]) -> str:
    """With the number of the passage that has it, where one has."""
    if _CITATION.search(text) or not context:
        return text
    said = words(text).known
    rarity = Rarity(piece for one in context for piece in sentences(one))
    shares = [rarity.cover(said, words(one).known) for one in context]
    best = max(range(len(shares)), key=lambda at: shares[at])
    passage = context[best]
    if shares[best] < _CITED or check("", text, passage).contradicts or _is_strange(text, passage):
        return text
    return _with_number(text, best + 1)


def _is_strange(text: str, passage: str) -> bool:
    """Has it a number, a name or an abbreviation that the passage has not?"""
    shortened = _ABBREVIATION.findall(text)
    return any(one not in passage for one in shortened) or bool(unfounded(text, Sources([passage])))


def _with_number(text: str, number: int) -> str:
    """`... in Berlin [1].`, as assistants are told to write."""
    body = text.rstrip()
    end = body[-1] if body[-1] in ".!?…" else ""
    return f"{body[: len(body) - len(end)]} [{number}]{end or '.'}"

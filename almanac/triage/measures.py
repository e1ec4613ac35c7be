"""What of a case is measured: how well passages support an answer, and what the voices say.

Each figure is noted with the thresholds it is held against and the passages it is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from almanac.claims.check import check, differ
from almanac.claims.content import content
from almanac.claims.yes_no import polar
from almanac.core.stems import words
from almanac.llm.judge import Judge, Judgement
from almanac.triage.case import Case
from almanac.triage.finding import EXACT, Best
from almanac.triage.replay import Held
from almanac.triage.signals import Level, Support, agreement, support, together
from almanac.triage.voices import CLOSER, NO, YES, Heard, Voices, is_whole
from lakehouse.documents import Key
from schemas.settings import TriageSettings

LONG = 20  # stems of an answer that may be spread over several passages of a document
_THIN = 3  # stems of a question below which no text can be told to be about it
_FIRST = 3  # hits of the question that are taken to be about it, whatever their words
_SAYS_ENOUGH = 3  # stems of an answer that stands literally in a text by more than chance
_NOTHING = Support(0.0, 0.0, 0.0)


@dataclass(slots=True)
class Measures:
    """The figures of one case, each noted in `signals`; what a judge said, in `judged`."""

    case: Case
    rules: TriageSettings
    voices: Voices | None = None
    signals: list[dict[str, Any]] = field(default_factory=list)
    judged: list[Judgement] = field(default_factory=list)

    def all_words_found(self) -> bool:
        """Does one of the best hits for the question, not shown, hold all of the correction?

        Too little to call it supported, but too much to say that nothing does.
        """
        first = self.case.then.hits[:_FIRST] if self.case.then else ()
        wanted = words(self.case.sought).known
        held = [
            one for one in first if one in self.case.outside and wanted <= words(one.text).known
        ]
        self._note(
            "all words of the correction: then",
            {"passages": len(held)},
            {"first_hits": _FIRST},
            held,
        )
        return bool(held)

    def answers_by_itself(self) -> bool:
        """Does the response say what it answers? A bare span may answer another question."""
        asked, said = words(self.case.request.question), words(self.case.request.response)
        share = self.case.rarity.cover(asked.known, said.known)
        figure = {"about": round(share, 3)}
        self._note("about the question: response", figure, _of(self.rules, ("related",)), ())
        return share >= self.rules.related

    def best(self, place: str, pool: Sequence[Held], answer: str | None = None) -> Best:
        """The passages of a pool that support an answer best, noted."""
        asked, said = words(self.case.request.question), words(answer or self.case.sought)
        long = len(said.known) > LONG
        thin = len(asked.known) < _THIN and not long
        found = Best((), _NOTHING, "no")
        for held in _units(pool, long):
            stems = frozenset().union(*(words(one.text).known for one in held))
            figures = support(asked, said, stems, self.case.rarity)
            exact = any(words(one.text).say(said) for one in held)
            if figures.answer >= self.rules.supported and not exact:
                text = "\n\n".join(one.text for one in held)
                close = together(answer or self.case.sought, text, self.case.rarity)
                figures = replace(figures, answer=min(figures.answer, close))
            level = figures.level(self.rules)
            level = "unclear" if thin and level == "yes" else level
            found = max(found, Best(held, figures, level, exact), key=_closeness)
        of = "response" if answer or not self.case.opinion.correction else "correction"
        names = ("supported", "related", "unrelated")
        self._note(
            f"support of the {of}: {place}",
            found.support.rounded(),
            _of(self.rules, names),
            found.held,
            level=found.level,
            word_by_word=found.exact,
        )
        return found

    def context(self) -> Best:
        """The best of the context. What stands there word by word is there, whatever the scores."""
        pool = self.case.context
        best = self.best("context", pool)
        if self.voices is None:
            return best
        request, sought = self.case.request, self.case.sought
        if best.exact and content(sought):
            text = "\n\n".join(one.text for one in best.held)
            against = tuple(
                f"claims:{one}" for one in check(request.question, sought, text).contradicts
            )
            enough = (
                len(words(sought).known) >= _SAYS_ENOUGH
                or best.support.about >= self.rules.unrelated
            )
            if not enough or against:
                heard = self.hear("context", best.held, best.level)
                said = any(map(is_whole, heard.agree)) and not heard.against
                level: Level = "yes" if said else "unclear"
                heard = replace(heard, level=level, agree=("literal", *heard.agree))
            else:
                heard = Heard("yes", ("literal",), held=best.held)
            return replace(best, level=heard.level, heard=heard)
        by_words: Level = "unclear" if polar(sought) and not content(sought) else best.level
        heard = self.hear("context", pool, by_words)
        held = best.held if "words" in heard.agree and best.held else heard.held or best.held
        return replace(best, held=held, level=heard.level, exact=False, heard=heard)

    def hear(self, place: str, pool: Sequence[Held], by_words: Level) -> Heard:
        """Ask the voices about a pool, noted."""
        if self.voices is None or not pool:
            return Heard("no")
        request = self.case.request
        other = request.response if self.case.opinion.correction else ""
        heard = self.voices.hear(request.question, self.case.sought, other, pool, by_words)
        self._note(
            f"voices: {place}",
            heard.figures,
            {"yes": YES, "no": NO, "closer": CLOSER},
            heard.held,
            level=heard.level,
            agree=list(heard.agree),
            against=list(heard.against),
        )
        return heard

    def checked(self, best: Best) -> Best:
        """A place outside of the context: what its words support must not be denied there."""
        if self.voices is None or best.level != "yes":
            return best
        text = "\n\n".join(one.text for one in best.held)
        checked = check(self.case.request.question, self.case.sought, text)
        return replace(best, level="unclear") if checked.contradicts or checked.lacks else best

    def about(self, place: str, pool: Sequence[Held]) -> Best:
        """The passage of a pool that is closest to the question alone, noted."""
        asked = words(self.case.request.question)
        found = Best((), _NOTHING, "no")
        for held in pool:
            figures = support(asked, asked, words(held.text).known, self.case.rarity)
            if figures.about > found.support.about:
                found = Best((held,), figures, "no")
        names = ("related", "answers", "margin")
        figure = {"about": round(found.support.about, 3)}
        self._note(f"about the question: {place}", figure, _of(self.rules, names), found.held)
        return found

    def agreement(self) -> str:
        """same | yes | unclear | no: does the response say what the correction says?"""
        case = self.case
        texts = [one.text for one in case.context]
        request = case.request
        found = agreement(request.question, request.response, case.sought, texts, case.rarity)
        level: str = found.level(self.rules)
        apart = differ(request.question, request.response, case.sought) if self.voices else ()
        if self.voices and level != "yes" and not apart:
            same = self.voices.same(request.question, request.response, case.sought)
            level = "yes" if same and level == "no" else level
        if set(apart) - {"name"}:
            level = "no"
        elif apart and level == "yes":
            level = "unclear"
        self._note(
            "agreement of response and correction",
            found.rounded() | {"differ": list(apart)},
            _of(self.rules, ("supported",)),
            (),
            level=level,
        )
        return "same" if level == "yes" and found.expected > 1 - EXACT else level

    def ask(self, judge: Judge, answer: str, expected: str | None) -> Level:
        """What the judge says of an answer in this context."""
        texts = [one.text for one in self.case.context]
        said = judge.correct(self.case.request.question, texts, answer, expected)
        self.judged.append(said)
        levels: dict[str, Level] = {"right": "yes", "wrong": "no", "not_judged": "unclear"}
        return levels[said.verdict]

    def _note(
        self, name: str, figures: Any, thresholds: Any, held: Sequence[Held], **more: Any
    ) -> None:
        shown = [{"chunk_id": one.chunk_id, "document": one.key and list(one.key)} for one in held]
        self.signals.append(
            {"signal": name, "figures": figures, "thresholds": thresholds, "passages": shown} | more
        )


def _units(pool: Sequence[Held], long: bool) -> Iterator[tuple[Held, ...]]:
    """Each passage alone; for a long answer also those of each document together."""
    yield from ((one,) for one in pool)
    if long:
        by_document = sorted((one for one in pool if one.key), key=_document)
        for _, some in groupby(by_document, key=_document):
            together = tuple(some)
            if len(together) > 1:
                yield together


def _document(held: Held) -> Key:
    return held.key or ("", "")


def _closeness(best: Best) -> tuple[int, bool, float, float]:
    level = ("no", "unclear", "yes").index(best.level)
    return (level, best.exact, best.support.pair, best.support.answer)


def _of(rules: TriageSettings, names: Iterable[str]) -> dict[str, float]:
    return {name: getattr(rules, name) for name in names}

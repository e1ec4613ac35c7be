"""From the signals to a cause, the surest first; a judge only where they do not decide.

A model's fault is the one cause that is trained on, so it needs the most: a passage of the context
supports the expected answer, and nothing else that was or is to be had supports it better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from almanac.claims.check import check, differ
from almanac.claims.content import content
from almanac.claims.yes_no import polar
from almanac.core.stems import words
from almanac.llm.judge import Judge, Judgement
from almanac.triage.case import Case, keys_of
from almanac.triage.finding import EXACT, Best, Finding
from almanac.triage.replay import Held
from almanac.triage.signals import Level, Support, agreement, support, together
from almanac.triage.voices import CLOSER, NO, YES, Heard, Voices, is_whole
from lakehouse.documents import Key
from schemas.feedback import Cause
from schemas.settings import TriageSettings

VERSION = 2
LONG = 20  # stems of an answer that may be spread over several passages of a document
_THIN = 3  # stems of a question below which no text can be told to be about it
_FIRST = 3  # hits of the question that are taken to be about it, whatever their words
_MEANT = 6  # passages of a search whose meaning is compared: the first, and as many by their words
_SAYS_ENOUGH = 3  # stems of an answer that stands literally in a text by more than chance
UNKNOWN_CONTEXT = (
    "the log does not say what the model was shown: log `context`, or the whole prompt"
)
_NOTHING = Support(0.0, 0.0, 0.0)


@dataclass(slots=True)
class Examination:
    """One case under the rules. Each step notes its figures; the first that decides ends it."""

    case: Case
    rules: TriageSettings
    judge: Judge | None
    voices: Voices | None = None
    wider: Callable[[], Sequence[Held]] = tuple
    signals: list[dict[str, Any]] = field(default_factory=list)
    judged: list[Judgement] = field(default_factory=list)

    def run(self) -> Finding:
        """The verdict."""
        if self.case.opinion.contradicting:
            return self._found("votes_contradict", "users differ, each by their latest vote")
        if not words(self.case.sought).stems:
            return self._found("not_judged", "neither correction nor response has a word")
        return self._corrected() if self.case.opinion.correction else self._bare()

    def _corrected(self) -> Finding:
        """With a correction: who had what it says?"""
        context = self._context()
        outside = self._checked(self._best("then", self.case.outside))
        fresh = self._checked(self._best("now", self.case.fresh))
        agrees = self._agreement()
        if agrees == "same":
            return self._found(
                "answer_right", "the response says what the correction says", context
            )
        if elsewhere := self._elsewhere(context, outside, fresh):
            return elsewhere
        if lost := self._answer_lost():
            return lost
        level = context.level
        if level == "unclear" and self.judge:
            level = self._asked(self.judge, self.case.sought, None)
        if level == "yes":
            return self._context_had_it(context, agrees)
        if agrees == "yes" and self._says_the_same(context):
            said = "response and correction mean the same, and the context is not against it"
            return self._found("answer_right", said, context)
        if "unclear" in (level, outside.level, fresh.level):
            said = "a passage may or may not support the correction"
            if context.heard and any(one != "closer" for one in context.heard.against):
                said = "the context speaks of it, and says something else than the correction"
            return self._found("not_judged", said, context if context.held else None)
        return self._nowhere(context)

    def _says_the_same(self, context: Best) -> bool:
        """Does the context hold a response that agrees with a correction in other words?"""
        if self.voices is None or not self.case.context or context.level == "no":
            return False
        request = self.case.request
        pool = self.case.context
        heard = self.voices.hear(request.question, request.response, "", pool, "unclear")
        return not heard.against and any(one.startswith("meaning") for one in heard.agree)

    def _elsewhere(self, context: Best, outside: Best, fresh: Best) -> Finding | None:
        """Another passage of the release, or a newer one, supports the correction better."""
        margin = self.rules.margin
        if fresh.beats(context, margin) and fresh.beats(outside, margin):
            said = "a document that changed since supports the correction"
            return self._found("source_stale", said, fresh)
        if outside.beats(context, margin):
            likely = context.level == "yes" or any(map(is_whole, _agree(context)))
            if self.voices and likely and not (context.exact and outside.exact):
                said = "the context may support the correction, and a passage not shown does"
                return self._found("not_judged", said, outside)
            said = "the release held a passage that supports the correction and was not shown"
            return self._missed(said, outside)
        return None

    def _missed(self, said: str, outside: Best) -> Finding:
        """A passage was not shown, as far as the log tells what was."""
        if self.case.request.context_known:
            return self._found("retrieval_missed", said, outside)
        return self._found("not_judged", UNKNOWN_CONTEXT, outside)

    def _context_had_it(self, context: Best, agrees: str) -> Finding:
        """The context supports the correction: does the response?"""
        if agrees == "unclear" and self.judge:
            agrees = self._asked(self.judge, self.case.request.response, self.case.sought)
        if agrees == "yes":
            return self._found("answer_right", "response and context both agree with it", context)
        if agrees == "unclear":
            return self._found("not_judged", "the response says what was expected, and more or not")
        said = "the context supports the correction, and the response does not say it"
        return self._found("model_fault", said, context)

    def _nowhere(self, context: Best) -> Finding:
        """No passage supports the correction, by words; does a wider search, or meaning?"""
        if not self.case.then:
            return self._found("not_judged", f"the context lacks it, and {self.case.unknown}")
        if self._all_words_found():
            said = "one of the first passages for the question has every word of the correction"
            return self._found("not_judged", said)
        if found := self._found_wider():
            return found
        said = f"no passage of release {self.case.then.release} supports the correction"
        return self._found("source_missing", said, context if context.held else None)

    def _found_wider(self) -> Finding | None:
        """Where a wider search finds what may be the correction, by words or by meaning."""
        if self.voices is None:
            return None
        pool = self.wider()
        best = self._checked(self._best("wider search", pool))
        if best.level == "yes":
            said = "the release held a passage that supports the correction, beyond the first hits"
            return self._missed(said, best)
        heard = self._hear("wider search", self._likeliest(pool), best.level)
        if best.level == "no" and not best.exact and heard.level == "no":
            return None
        return self._found(
            "not_judged", "a passage of the release may support the correction", best, heard
        )

    def _likeliest(self, pool: Sequence[Held]) -> list[Held]:
        """The first hits, and those with the most words of the correction."""
        wanted = words(self.case.sought).known
        ranked = sorted(
            pool[_MEANT:], key=lambda one: -self.case.rarity.cover(wanted, words(one.text).known)
        )
        return [*pool[:_MEANT], *ranked[:_MEANT]]

    def _all_words_found(self) -> bool:
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

    def _answer_lost(self) -> Finding | None:
        """The response is from a passage that changed, and no current one supports it."""
        case = self.case
        if not case.lost:
            return None
        lost = [one for one in case.context if one.chunk_id in case.lost]
        was = self._best("context, since lost", lost, case.request.response)
        hits = case.now.hits if case.now else ()
        still = self._best("now", hits, case.request.response)
        if was.level != "yes" or still.level == "yes":
            return None
        said = "the response stood in a document that changed or went since"
        return self._found("source_stale", said, was)

    def _bare(self) -> Finding:
        """Without a correction: is the response what the context says, and is it about it?"""
        if lost := self._answer_lost():
            return lost
        context = self._best("context", self.case.context)
        shown = self._about("context", self.case.context)
        other = self._about("then", self.case.outside)
        fresh = self._about("now", self.case.fresh)
        apart = self.rules.margin
        most = max(shown.support.about, other.support.about)
        if fresh.support.about >= self.rules.answers and fresh.support.about > most + apart:
            said = "a document that changed since is about the question, and none was before"
            return self._found("source_stale", said, fresh)
        if other.support.about >= max(self.rules.related, shown.support.about + apart):
            said = "the release held a passage closer to the question, which was not shown"
            return self._missed(said, other)
        if self.case.then and most < 1 - self.rules.answers:
            said = f"no passage of release {self.case.then.release} is about the question"
            return self._found("source_missing", said, shown if shown.held else None)
        return self._by_response(context, shown)

    def _by_response(self, context: Best, shown: Best) -> Finding:
        """The context is as close to the question as anything: what of it says the response?

        That a response is not from a context about the question does not make it the model's
        fault: the answer itself may be elsewhere. Only a judge can find that without a correction.
        """
        if context.level == "yes" and self._answers_by_itself():
            said = "the response is about the question, and the context says the same"
            return self._found("answer_right", said, context)
        if self.judge and self.case.context:
            verdict = self._asked(self.judge, self.case.request.response, None)
            if verdict == "yes":
                return self._found("answer_right", "the judge finds it in the context", context)
            if verdict == "no":
                return self._found("model_fault", "the judge finds it wrong by the context", shown)
        return self._found("not_judged", "without a correction the signals do not decide")

    def _answers_by_itself(self) -> bool:
        """Does the response say what it answers? A bare span may answer another question."""
        asked, said = words(self.case.request.question), words(self.case.request.response)
        share = self.case.rarity.cover(asked.known, said.known)
        figure = {"about": round(share, 3)}
        self._note("about the question: response", figure, _of(self.rules, ("related",)), ())
        return share >= self.rules.related

    def _best(self, place: str, pool: Sequence[Held], answer: str | None = None) -> Best:
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

    def _context(self) -> Best:
        """The best of the context. What stands there word by word is there, whatever the scores."""
        pool = self.case.context
        best = self._best("context", pool)
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
                heard = self._hear("context", best.held, best.level)
                said = any(map(is_whole, heard.agree)) and not heard.against
                level: Level = "yes" if said else "unclear"
                heard = replace(heard, level=level, agree=("literal", *heard.agree))
            else:
                heard = Heard("yes", ("literal",), held=best.held)
            return replace(best, level=heard.level, heard=heard)
        by_words: Level = "unclear" if polar(sought) and not content(sought) else best.level
        heard = self._hear("context", pool, by_words)
        held = best.held if "words" in heard.agree and best.held else heard.held or best.held
        return replace(best, held=held, level=heard.level, exact=False, heard=heard)

    def _hear(self, place: str, pool: Sequence[Held], by_words: Level) -> Heard:
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

    def _checked(self, best: Best) -> Best:
        """A place outside of the context: what its words support must not be denied there."""
        if self.voices is None or best.level != "yes":
            return best
        text = "\n\n".join(one.text for one in best.held)
        checked = check(self.case.request.question, self.case.sought, text)
        return replace(best, level="unclear") if checked.contradicts or checked.lacks else best

    def _about(self, place: str, pool: Sequence[Held]) -> Best:
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

    def _agreement(self) -> str:
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

    def _asked(self, judge: Judge, answer: str, expected: str | None) -> Level:
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

    def _found(
        self, cause: Cause, reason: str, best: Best | None = None, heard: Heard | None = None
    ) -> Finding:
        keys = best.keys if best else keys_of(self.case.context)
        said = heard or (best.heard if best else None)
        return Finding(cause, reason, tuple(self.signals), keys, tuple(self.judged), said)


def _agree(best: Best) -> tuple[str, ...]:
    return best.heard.agree if best.heard else ()


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

"""From the signals to a cause, the surest first; a judge only where they do not decide.

A model's fault is the one cause that is trained on, so it needs the most: a passage of the context
supports the expected answer, and nothing else that was or is to be had supports it better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from almanac.core.stems import words
from almanac.llm.judge import Judge
from almanac.triage.case import Case, keys_of
from almanac.triage.finding import Best, Finding
from almanac.triage.measures import Measures
from almanac.triage.replay import Held
from almanac.triage.voices import Heard, Voices, is_whole
from schemas.feedback import Cause
from schemas.settings import TriageSettings

VERSION = 2
_MEANT = 6  # passages of a search whose meaning is compared: the first, and as many by their words
UNKNOWN_CONTEXT = (
    "the log does not say what the model was shown: log `context`, or the whole prompt"
)


@dataclass(slots=True)
class Examination:
    """One case under the rules. Each step measures what it needs; the first that decides ends it.

    `wider`: a search of the release that answered, for more than the first hits.
    """

    case: Case
    rules: TriageSettings
    judge: Judge | None
    voices: Voices | None = None
    wider: Callable[[], Sequence[Held]] = tuple
    measured: Measures = field(init=False)

    def __post_init__(self) -> None:
        self.measured = Measures(self.case, self.rules, self.voices)

    def run(self) -> Finding:
        """The verdict."""
        if self.case.opinion.contradicting:
            return self._found("votes_contradict", "users differ, each by their latest vote")
        if not words(self.case.sought).stems:
            return self._found("not_judged", "neither correction nor response has a word")
        return self._corrected() if self.case.opinion.correction else self._bare()

    def _corrected(self) -> Finding:
        """With a correction: who had what it says?"""
        context = self.measured.context()
        outside = self.measured.checked(self.measured.best("then", self.case.outside))
        fresh = self.measured.checked(self.measured.best("now", self.case.fresh))
        agrees = self.measured.agreement()
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
            level = self.measured.ask(self.judge, self.case.sought, None)
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
            agrees = self.measured.ask(self.judge, self.case.request.response, self.case.sought)
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
        if self.measured.all_words_found():
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
        best = self.measured.checked(self.measured.best("wider search", pool))
        if best.level == "yes":
            said = "the release held a passage that supports the correction, beyond the first hits"
            return self._missed(said, best)
        heard = self.measured.hear("wider search", self._likeliest(pool), best.level)
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

    def _answer_lost(self) -> Finding | None:
        """The response is from a passage that changed, and no current one supports it."""
        case = self.case
        if not case.lost:
            return None
        lost = [one for one in case.context if one.chunk_id in case.lost]
        was = self.measured.best("context, since lost", lost, case.request.response)
        hits = case.now.hits if case.now else ()
        still = self.measured.best("now", hits, case.request.response)
        if was.level != "yes" or still.level == "yes":
            return None
        said = "the response was in a document that changed or went since"
        return self._found("source_stale", said, was)

    def _bare(self) -> Finding:
        """Without a correction: is the response what the context says, and is it about it?"""
        if lost := self._answer_lost():
            return lost
        context = self.measured.best("context", self.case.context)
        shown = self.measured.about("context", self.case.context)
        other = self.measured.about("then", self.case.outside)
        fresh = self.measured.about("now", self.case.fresh)
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
        if context.level == "yes" and self.measured.answers_by_itself():
            said = "the response is about the question, and the context says the same"
            return self._found("answer_right", said, context)
        if self.judge and self.case.context:
            verdict = self.measured.ask(self.judge, self.case.request.response, None)
            if verdict == "yes":
                return self._found("answer_right", "the judge finds it in the context", context)
            if verdict == "no":
                return self._found("model_fault", "the judge finds it wrong by the context", shown)
        return self._found("not_judged", "without a correction the signals do not decide")

    def _found(
        self, cause: Cause, reason: str, best: Best | None = None, heard: Heard | None = None
    ) -> Finding:
        keys = best.keys if best else keys_of(self.case.context)
        said = heard or (best.heard if best else None)
        return Finding(
            cause, reason, tuple(self.measured.signals), keys, tuple(self.measured.judged), said
        )


def _agree(best: Best) -> tuple[str, ...]:
    return best.heard.agree if best.heard else ()

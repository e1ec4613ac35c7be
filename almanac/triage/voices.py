"""Who says that a place holds an answer: the literal text, words, meaning, claims, entailment.

Each voice says yes, no or nothing of itself; `Heard` puts them together. No likeness outweighs a
contradiction, and none but the literal text decides alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from almanac.claims.check import agree, check, differ
from almanac.claims.yes_no import refuses
from almanac.core.stems import words
from almanac.embedding.entailment import Entailment
from almanac.triage.calibration import AGAINST
from almanac.triage.meaning import Model, answer_words, pieces_of, script
from almanac.triage.replay import Held
from almanac.triage.signals import Level
from schemas.errors import AlmanacError
from schemas.feedback import Request
from schemas.settings import EmbedderSettings, TriageSettings

_log = logging.getLogger("almanac.triage")
# Of `Near.both`, measured by benchmarks/quality/triage.py: above `_YES` a passage holds the answer,
# below `_NO` it does not.
YES, NO = 0.8, 0.55
CLOSER = 0.08  # by which the correction is nearer to a passage than the response
FURTHER = 0.1  # by which it is further off than the response, so that the response may be right
UNLIKE = 0.6  # of two answers as wholes, below which they say other things
_HEARD = 0.5  # of the weight of a voice, below which it does not stop a verdict
SAME = 1.0  # of two texts as wholes


@dataclass(frozen=True, slots=True)
class Heard:
    """The voices on one place. agree and against are their names; `at` is the passage meant."""

    level: Level
    agree: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    held: tuple[Held, ...] = ()


class Voices:
    """The models that vote, opened when the first one is asked."""

    def __init__(
        self,
        rules: TriageSettings,
        configured: EmbedderSettings,
        models: Callable[[], list[Model]],
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self._rules = rules
        self._weights = weights or {}
        self._configured = configured
        self._open = models

    @cached_property
    def models(self) -> list[Model]:
        """The embedders."""
        return self._open() if self._rules.meaning else []

    @cached_property
    def entailment(self) -> Entailment | None:
        """The cross-encoder; None where none is configured or it can't be loaded."""
        if not self._rules.entailment:
            return None
        try:
            return Entailment(
                self._rules.entailment, self._configured.threads, self._configured.device
            )
        except AlmanacError as error:
            _log.warning("%s", error)
            return None

    def prepare(self, asked: Iterable[tuple[Request, str]]) -> None:
        """Encode at once what the requests of a batch will need: those with a correction that does
        not stand literally in their context."""
        texts: dict[str, None] = {}
        for request, correction in asked:
            shown = [one.text for one in request.context]
            if not correction or any(words(one).say(words(correction)) for one in shown):
                continue
            for answer in (correction, request.response):
                texts[f"{request.question} {answer}"] = None
                texts |= dict.fromkeys(answer_words(request.question, answer))
            pieces = [one for text in shown for one in pieces_of(text)]
            texts |= dict.fromkeys(pieces)
        for model in self.models if texts else ():
            model.forget()
            model.prepare(one for one in texts if model.reads([one]))

    def hear(
        self, question: str, answer: str, other: str, pool: Sequence[Held], by_words: Level
    ) -> Heard:
        """What all but the literal text say of a pool. `other` is an answer that the passage is
        not to be nearer to, or empty."""
        texts = [one.text for one in pool]
        if not texts:
            return Heard("no")
        ballot = _Ballot(question, answer, other, texts)
        ballot.say("words", by_words == "yes")
        # A model finds less across languages: that it finds nothing there says nothing.
        low = by_words == "no" and any(script(one) == script(answer) for one in texts)
        models = self._reading(question, answer, *texts)
        low = ballot.by_meaning(models) and low
        ballot.by_claims()
        if other.strip():
            ballot.against_other(self._reading(answer, other))
        if self.entailment:
            [(said, _)] = self.entailment.ask([texts[ballot.at]], f"{question} {answer}")
            ballot.say("entailment", said == "entails", said == "contradicts")
        return Heard(
            _level(ballot, low, 2 if models else 1, self._weights),
            tuple(ballot.agree),
            tuple(ballot.against),
            ballot.figures,
            (pool[ballot.at],),
        )

    def same(self, question: str, response: str, expected: str) -> bool:
        """Do two answers mean the same, as far as embedders can tell, or the same amounts?"""
        alike = [one.alike(response, expected) for one in self._reading(response, expected)]
        least = UNLIKE if agree(question, response, expected) else SAME
        return bool(alike) and min(alike) >= least

    def _reading(self, *texts: str) -> list[Model]:
        return [one for one in self.models if one.reads(texts)] if any(texts) else []


class _Ballot:
    """The votes on one answer in some texts; `at` is the text that is nearest in meaning."""

    def __init__(self, question: str, answer: str, other: str, texts: Sequence[str]) -> None:
        self._question, self._answer, self._other = question, answer, other
        self._texts, self._whole = texts, "\n\n".join(texts)
        self.agree: list[str] = []
        self.against: list[str] = []
        self.figures: dict[str, Any] = {}
        self.at = 0
        self.near = 1.0
        self.by_amount = False

    def say(self, name: str, agrees: bool, against: bool = False) -> None:
        """One voice."""
        self.agree += [name] * agrees
        self.against += [name] * against

    def by_meaning(self, models: Sequence[Model]) -> bool:
        """How near the texts are; is nothing of them, by any model?"""
        low = True
        nearer: list[float] = []
        for model in models:
            near = model.near(self._question, self._answer, self._texts)
            self.figures[model.name] = round(near.both, 3)
            self.at = near.at
            self.say(f"meaning:{model.name}", near.both >= YES)
            low = low and near.both < NO
            if self._other.strip():
                other = model.near(self._question, self._other, [self._texts[near.at]])
                nearer.append(near.both - other.both)
        if models:
            self.near = max(self.figures[one.name] for one in models)
        if nearer:
            nearest = min(map(abs, nearer))
            self.figures["closer"] = round(nearest if nearest in nearer else -nearest, 3)
            self.say("closer", min(nearer) > 0 and max(nearer) >= CLOSER)
        return low

    def by_claims(self) -> None:
        """What the rules of `almanac.claims` find."""
        found = check(self._question, self._answer, self._whole)
        self.say("claims", found.says == "supports")
        self.by_amount = "number" in found.supports
        self.against += [f"claims:{one}" for one in (*found.contradicts, *found.lacks)]

    def against_other(self, models: Sequence[Model]) -> None:
        """Does the other answer say something else, and do the texts say that it is wrong?"""
        apart = set(differ(self._question, self._other, self._answer))
        found = check(self._question, self._other, self._whole)
        if apart & {*found.contradicts, *found.lacks}:
            self.agree.append("refuted")
        elif apart - {"name"}:
            self.agree.append("differs")
        alike = [one.alike(self._answer, self._other) for one in models]
        if alike:
            self.figures["alike"] = round(max(alike), 3)
            self.say("unlike", max(alike) < UNLIKE)
        silent: tuple[str, ...] = ()
        if agree(self._question, self._other, self._answer):
            silent = _APART
        elif refuses(self._other):  # anything is nearer than a refusal, and unlike it
            silent = ("closer", "unlike")
        self.agree = [one for one in self.agree if one not in silent]


# Voices that tell a right answer from a wrong one about the same thing, which likeness can't.
_APART = ("closer", "refuted", "differs", "unlike", "entailment")


def is_whole(voice: str) -> bool:
    """Does a voice compare all that an answer says?"""
    return voice in ("words", "entailment") or voice.startswith("meaning")


def _level(ballot: _Ballot, low: bool, needed: int, weights: Mapping[str, float]) -> Level:
    """yes by so many voices, of which one compares all of the answer and, where an embedder is to
    be had, one tells it from a wrong one, and none against.

    Where people settled enough causes each voice counts what it is worth by them, and one that was
    mostly wrong to be against is not heard.
    """
    whole = [one for one in ballot.agree if is_whole(one)]
    # Embedders tell no amount from another.
    further = ballot.figures.get("closer", 0.0) <= -FURTHER and not ballot.by_amount
    if ballot.near >= NO and "claims" in ballot.agree and not further:
        whole.append("claims")
    apart = [one for one in ballot.agree if one in _APART]
    agreed = sum(weights.get(one, 1.0) for one in ballot.agree)
    enough = whole and agreed >= needed and (apart or needed == 1)
    if enough and not any(weights.get(f"{AGAINST}{one}", 1.0) >= _HEARD for one in ballot.against):
        return "yes"
    return "no" if low and not whole and "claims" not in ballot.agree else "unclear"

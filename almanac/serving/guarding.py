"""The guards before a model is asked: on the question, and on the passages that it is to see."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from almanac.guards import meaning
from almanac.guards.hidden import readable
from almanac.guards.injection import find_injections
from almanac.guards.personal.detect import IsBorne, masked, personal
from almanac.guards.profanity import profane
from almanac.serving.decisions import Decisions, Stopped
from almanac.serving.passages import ShownPassage
from schemas.errors import ConfigError
from schemas.feedback import Message
from schemas.sections.guards import GuardSettings
from schemas.text import nfkc

_log = logging.getLogger("almanac.serving")
# Has what every library that recognises personal data is opened for.
_EVERY_FORM = "Is it ann@example.com, 020 7946 0321 or 192.168.0.1? Спросите Анну."
_MESSAGES = {
    "en": "I can't help with that request.",
    "ru": "С этой просьбой я не могу помочь.",
}


def message_for(settings: GuardSettings, language: str) -> str:
    """What a blocked question is answered."""
    return settings.message or _MESSAGES[language]


def warm(settings: Iterable[GuardSettings]) -> None:
    """Open the model of the meaning and what knows numbers, so that no question waits for them."""
    every = list(settings)
    if any(one.meaning and one.question_injection != "off" for one in every):
        try:
            meaning.excess(["Who approves travel?"], ["question"])
        except ConfigError as error:
            _log.warning("injections are not recognised by meaning: %s", error)
    if any({one.question_personal, one.answer_personal} != {"off"} for one in every):
        personal(_EVERY_FORM, (), borne_by(()), names=False)
    if any(one.answer_words != "off" for one in every):
        profane(_EVERY_FORM)


def check_question(decisions: Decisions, question: str, history: Sequence[Message]) -> None:
    """Look at what a user wrote, in this turn and in earlier ones.

    Raises:
        Stopped: it gives the model orders and is blocked, or the guard failed.
    """
    action = decisions.settings.question_injection
    if action == "off":
        return
    turns = [one["content"] for one in history if one["role"] == "user"]
    with decisions.timed("question"), decisions.failing("question_injection"):
        for rule in find_injections(
            [question, *turns[-3:]], "question", decisions.settings.meaning
        ):
            if rule:
                decisions.add("question_injection", action, rule=rule)
                if action == "block":
                    raise Stopped("question_injection")


def without_personal_data(decisions: Decisions, text: str, passages: Sequence[str] = ()) -> str:
    """The text as the model and the log get it. Raises Stopped where it is blocked."""
    action = decisions.settings.question_personal
    if action == "off":
        return text
    with decisions.timed("question"), decisions.failing("question_personal"):
        found = personal(text, (), borne_by(passages), names=False)
        for kind, times in Counter(one.kind for one in found).items():
            decisions.add("question_personal", action, kind=kind, found=times)
        if found and action == "block":
            raise Stopped("question_personal")
        if found and action == "mask":
            return masked(text, found)
    return text


def borne_by(texts: Sequence[str]) -> IsBorne:
    """Whether an entity stands in a text, spelt as it may be."""
    squeezed = cache(lambda: _squeezed(" ".join(texts)))  # most texts hold no entity to ask for
    return lambda entity: bool(texts) and _squeezed(entity) in squeezed()


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, nfkc(text).casefold()))


def allowed(decisions: Decisions, passages: list[ShownPassage]) -> list[ShownPassage]:
    """The passages that a model may see, numbered anew; those left out are named in the log."""
    action = decisions.settings.passage_injection
    if action == "off" or not passages:
        return passages
    kept = passages
    with decisions.timed("passages"), decisions.failing("passage_injection"):
        texts = [one.text for one in passages]
        rules = find_injections(texts, "document", decisions.settings.passage_meaning)
        for one, rule in zip(passages, rules, strict=True):
            if rule:
                about = {"source": one.source, "doc_id": one.doc_id, "rule": rule}
                decisions.add("passage_injection", action, **about)
                _log.warning("a passage of %s/%s gives the model orders: %s", *about.values())
        if action == "block":
            kept = [one for one, rule in zip(passages, rules, strict=True) if not rule]
    return [replace(one, n=number) for number, one in enumerate(kept, 1)]


def cleaned(question: str) -> str:
    """The question without characters that nobody sees; look-alikes of words stay."""
    return readable(question) if not question.isascii() and readable(question).strip() else question

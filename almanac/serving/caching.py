"""Answers that are given again without a model: found, checked and kept for one question.

A question's passages are always looked for anew, with the rights of who asks. A kept answer is
given only where it was made from the same set of passages, to the last letter of what a prompt
shows of them, so that it cannot be older than they are. One is not given of which the guards would
take something out.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence

from almanac.assistants.logged import language
from almanac.cache.store import AnswerStore, Kept
from almanac.cache.tending import Tending
from almanac.cache.wording import same_text, same_words
from almanac.serving.asking import Draft, Hit, given
from almanac.serving.citing import CitedText
from almanac.serving.decisions import Decisions, Stopped
from almanac.serving.passages import ShownPassage
from almanac.serving.withholding import Withheld
from schemas.errors import AlmanacError
from schemas.feedback import Request
from schemas.hashing import canonical_json, sha256_parts, sha256_text

_log = logging.getLogger("almanac.serving")


class AnswerCache:
    """The kept answers of a server. What fails here is in the log, and the model is asked."""

    def __init__(self, store: AnswerStore, tending: Tending) -> None:
        self._store, self._tending = store, tending

    def find(self, draft: Draft) -> Hit | None:
        """The answer to give to a draft that has its passages; None where a model must be asked."""
        if not _applies(draft):
            return None
        try:
            self._tending.first()
            kept = self._found(draft)
            if kept is None:
                return None
            hit = _checked(draft, kept, _digests(draft.passages))
            if hit is None or not self._store.given(kept, draft.request_id):
                return None
        except AlmanacError as error:
            _log.warning("no kept answer is given: %s", error)
            return None
        return hit

    def keep(self, draft: Draft, request: Request) -> None:
        """Keep an answer that was made and logged, where it may be given again."""
        is_right = request.status == "answered" and draft.is_whole
        if not is_right or draft.hit or not _applies(draft):
            return
        one = Kept(
            request_id=request.request_id,
            partition=_partition(draft),
            same_text=same_text(draft.question),
            same_words=same_words(draft.question),
            question=draft.question,
            answer=request.response,
            shown=tuple(_digests(draft.passages)),
            documents=tuple(dict.fromkeys((it.source, it.doc_id) for it in draft.passages)),
            user_id=request.user_id,
        )
        try:
            if not self._tending.refuses(one):
                self._store.keep(one)
        except AlmanacError as error:
            _log.warning("the answer is not kept to be given again: %s", error)

    def disliked(self, request_id: str) -> None:
        """Somebody disliked a request: its answer is not given any more."""
        try:
            self._store.disliked(request_id)
        except AlmanacError as error:  # the vote is stored, and the next look at votes finds it
            _log.warning("a disliked answer is still kept: %s", error)

    def poll(self) -> None:
        """See `Tending.poll`."""
        self._tending.poll()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    def _found(self, draft: Draft) -> Kept | None:
        """The kept answer to the same question from the same passages, or to one of its words."""
        partition, shown = _partition(draft), set(_digests(draft.passages))
        same = self._store.same_text(partition, same_text(draft.question))
        if same is not None:
            if set(same.shown) == shown:
                return same
            self._store.changed(same)
        settings, name = draft.ask.assistant.settings.cache, same_words(draft.question)
        if settings.mode != "semantic" or name is None or draft.opened is None:
            return None
        for near in self._store.same_words(partition, name):
            alike = set(near.shown) == shown
            if alike and draft.opened.likeness(draft.question, near.question) >= settings.threshold:
                return near
        return None


def _applies(draft: Draft) -> bool:
    """May an answer to this question be given again, or kept?

    It is the first of its conversation, of no date, and answered by the version that was asked.
    """
    ask = draft.ask
    return (
        ask.may_be_cached
        and ask.assistant.settings.cache.mode != "off"
        and ask.arm != "fallback"
        and not draft.history
        and bool(draft.passages)
    )


def _partition(draft: Draft) -> str:
    """All that makes an answer but question, passages and release: SHA-256."""
    assistant, opened = draft.ask.assistant, draft.opened
    assert opened
    return sha256_text(
        canonical_json(
            [
                assistant.answers_alike,
                opened.release.embedder,
                draft.ask.caller.principals_hash,
                assistant.params | given(draft.ask),
                draft.ask.has_tools,  # which a route may look at
                language(draft.question),
            ]
        )
    )


def _digests(passages: Sequence[ShownPassage]) -> list[str]:
    """Of each passage, over all that a prompt shows of it but its number."""
    found = []
    for one in passages:
        shown = one.for_prompt() | {"n": 0}
        found.append(sha256_parts(one.chunk_id, one.row_hash, canonical_json(shown)))
    return found


def _checked(draft: Draft, kept: Kept, shown: Sequence[str]) -> Hit | None:
    """The answer with the numbers of its passages now, where the guards leave all of it."""
    numbers = {at: shown.index(one) + 1 for at, one in enumerate(kept.shown, 1)}
    text = _renumbered(kept.answer, numbers)
    decisions = copy.deepcopy(draft.decisions)
    if not _is_left(decisions, draft.sources, text):
        return None
    draft.decisions = decisions
    return Hit(kept.request_id, text)


def _is_left(decisions: Decisions, sources: list[str], text: str) -> bool:
    withheld = Withheld(decisions, sources)
    try:
        return withheld.feed(text) + withheld.finish() == text
    except Stopped:
        return False


def _renumbered(text: str, numbers: Mapping[int, int]) -> str:
    for mark in reversed(CitedText.marks_in(text)):
        number = numbers.get(mark.n, mark.n)
        text = f"{text[: mark.start]}[{number}]{text[mark.end :]}"
    return text

"""What a model was shown, from the log's context or from its prompt."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from almanac.core.shown_context import shown_passages
from schemas.feedback import Passage, Request

PASSAGE = "The gateway needs port 2525 open towards the relay."
QUESTION = "What does the gateway need?"


def request(*messages: tuple[str, str], **other: Any) -> Request:
    prompt = tuple({"role": role, "content": content} for role, content in messages)
    known = {"context_known": False} | other
    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Request("q1", at, "ann", QUESTION, "Nothing.", prompt=prompt, **known)


def test_a_logged_context_comes_first() -> None:
    known = (Passage("c1", "one"),)
    shown = shown_passages(
        request(("tool", PASSAGE), ("user", QUESTION), context=known, context_known=True)
    )
    assert (shown.passages, shown.is_all) == (known, True)


def test_results_of_tools_are_all_that_was_shown() -> None:
    shown = shown_passages(
        request(("user", QUESTION), ("assistant", "I search for it."), ("tool", f"[1] {PASSAGE}"))
    )
    assert (shown.texts, shown.is_all) == ((f"[1] {PASSAGE}",), True)


def test_a_filled_template_is_cut_into_its_passages_without_the_question() -> None:
    text = f"Context:\n[1] {PASSAGE}\n[2] Leave is asked for two weeks ahead of it, in writing.\n\n"
    shown = shown_passages(request(("user", f"{text}Question: {QUESTION}")))
    assert shown.texts == (
        f"[1] {PASSAGE}",
        "[2] Leave is asked for two weeks ahead of it, in writing.",
    )
    assert shown.is_all


def test_a_system_message_may_hold_passages_but_not_all() -> None:
    shown = shown_passages(request(("system", f"Be brief.\n\n{PASSAGE}"), ("user", QUESTION)))
    assert (shown.texts, shown.is_all) == ((PASSAGE,), False)


def test_a_bare_question_says_nothing_of_what_was_shown() -> None:
    assert shown_passages(request(("user", QUESTION))).texts == ()
    assert not shown_passages(request(("user", QUESTION))).is_all
    assert not shown_passages(request()).is_all
    assert shown_passages(request(context_known=True)).is_all


def test_earlier_questions_and_answers_are_no_passages() -> None:
    shown = shown_passages(
        request(
            ("user", "Where is the printer on this floor?"),
            ("assistant", "The printer is on floor two."),
            ("user", QUESTION),
        )
    )
    assert (shown.texts, shown.is_all) == ((), False)

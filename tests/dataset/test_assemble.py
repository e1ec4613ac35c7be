from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from almanac.dataset.assemble import (
    Assembled,
    assemble,
    language_of,
    logged_prompt,
    prompt_of,
    question_group,
)
from lakehouse.training import Rejected
from schemas.examples import Example
from schemas.feedback import ACTIONS, Cause, Passage, Request, Triaged, Vote, opinions
from tests.dataset.logged import asked, verdict, vote

SYSTEM = "Answer from the context."
CAUSES: tuple[Cause, ...] = get_args(Cause)


def test_questions_that_look_alike_are_one_group() -> None:
    assert question_group("Where is the ca\u00adfe\u0301?") == question_group("where is the café")


def assembled(requests: list[Request], votes: list[Vote], *verdicts: Triaged) -> Assembled:
    triaged = {one.request_id: one for one in verdicts}
    return assemble(requests, opinions(votes), triaged, system_prompt=SYSTEM, source="documents")


def test_a_correction_a_bare_dislike_and_a_like() -> None:
    corrected, bare, liked = asked(1), asked(2), asked(3)
    votes = [vote(corrected, -1, " Ask Ann. "), vote(bare, -1), vote(liked, 1)]
    found = assembled([liked, bare, corrected], votes, verdict(corrected), verdict(bare))
    said = [
        (
            one.example.request_id,
            one.example.chosen,
            one.example.rejected,
            one.example.origin,
            one.example.cause,
            one.example.serves,
        )
        for one in found.candidates
    ]
    assert said == [
        (
            "r-001",
            "Ask Ann.",
            corrected.response,
            "correction",
            "model_fault",
            ("dpo", "kto", "sft"),
        ),
        ("r-002", None, bare.response, "dislike", "model_fault", ("kto",)),
        ("r-003", liked.response, None, "like", "liked", ("kto", "sft")),
    ]
    assert found.dropped == ()
    assert found.requests == {"total": 3, "disliked": 2, "liked": 1, "unvoted": 0}
    assert found.prompts == {"logged": 0, "template": 3}


def test_a_whole_example() -> None:
    request = asked(1)
    (one,) = assembled([request], [vote(request, -1, "Ask Ann.")], verdict(request)).candidates
    assert one.example == Example(
        request_id="r-001",
        prompt=(
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": "Context:\n[1] Office 1 takes care of a parental leave.\n\nQuestion: "
                "Who is responsible for a parental leave in building 1?",
            },
        ),
        chosen="Ask Ann.",
        rejected="Nobody knows who looks after a parental leave these days.",
        origin="correction",
        cause="model_fault",
        question="Who is responsible for a parental leave in building 1?",
        context=("Office 1 takes care of a parental leave.",),
        lang="en",
        source="wiki",
        group=question_group("who is responsible for a parental leave in building 1"),
    )
    assert (one.asked_at, one.user_id, one.session_id) == (request.asked_at, "u-001", "s-001")


@pytest.mark.parametrize("cause", [cause for cause in CAUSES if cause != "model_fault"])
def test_a_dislike_of_another_cause_is_dropped_under_it(cause: Cause) -> None:
    request = asked(1)
    found = assembled([request], [vote(request, -1, "Ask Ann.")], verdict(request, cause))
    assert found.candidates == ()
    assert found.dropped == (Rejected("r-001", cause, {"action": ACTIONS[cause]}),)


def test_a_dislike_without_a_verdict_is_not_triaged() -> None:
    request = asked(1)
    found = assembled([request], [vote(request, -1, "Ask Ann.")])
    assert found.dropped == (Rejected("r-001", "not_triaged", {}),)


def test_the_latest_vote_decides_and_a_like_that_others_deny_is_dropped() -> None:
    first, second = asked(1), asked(2)
    later = first.asked_at + timedelta(days=1)
    votes = [
        vote(first, -1, "Ask Ann."),
        vote(first, 1, user_id="u-9", rated_at=later),
        vote(second, 1),
        vote(second, -1, "Ask Bob.", user_id="u-9", rated_at=later),
    ]
    found = assembled([first, second], votes, verdict(first), verdict(second))
    assert found.dropped == (
        Rejected("r-001", "votes_contradict", {"action": ACTIONS["votes_contradict"]}),
    )
    assert [one.example.request_id for one in found.candidates] == ["r-002"]
    assert found.requests == {"total": 2, "disliked": 1, "liked": 1, "unvoted": 0}


def test_a_request_without_a_vote_is_counted_alone() -> None:
    found = assembled([asked(1)], [])
    assert (found.candidates, found.dropped) == ((), ())
    assert found.requests["unvoted"] == 1


def test_a_correction_that_repeats_the_answer_corrects_nothing() -> None:
    request = asked(1)
    votes = [vote(request, -1, f"  {request.response} ")]
    found = assembled([request], votes, verdict(request))
    assert found.dropped == (Rejected("r-001", "correction_is_response", {}),)


LOGGED = ({"role": "system", "content": "S"}, {"role": "user", "content": "Q"})


def test_a_logged_prompt_is_taken_as_it_is() -> None:
    request = asked(1, prompt=tuple(one | {"name": "x"} for one in LOGGED))
    assert prompt_of(request, SYSTEM) == LOGGED
    found = assembled([request], [vote(request, 1)])
    assert found.prompts == {"logged": 1, "template": 0}


@pytest.mark.parametrize(
    "prompt",
    [
        (*LOGGED, {"role": "assistant", "content": "A"}),
        (*LOGGED, {"role": "tool", "content": "T"}),
        ({"role": "user", "content": " "},),
        ({"role": "user"},),
        ({"role": "user", "content": None},),
    ],
)
def test_a_logged_prompt_that_no_template_can_take_is_made_anew(prompt) -> None:  # type: ignore[no-untyped-def]
    request = asked(1, prompt=prompt)
    assert logged_prompt(request) == ()
    assert prompt_of(request, SYSTEM) == prompt_of(replace(request, prompt=()), SYSTEM)


def test_the_template_has_history_and_every_passage() -> None:
    history = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"})
    context = (Passage("a", "One."), Passage("b", "Two."))
    request = asked(1, question="Which?", history=history, context=context)
    assert prompt_of(request, SYSTEM) == (
        {"role": "system", "content": SYSTEM},
        *history,
        {"role": "user", "content": "Context:\n[1] One.\n\n[2] Two.\n\nQuestion: Which?"},
    )
    bare = asked(1, question="Which?", context=())
    assert prompt_of(bare, SYSTEM)[-1] == {"role": "user", "content": "Which?"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Where is it?", " where   IS it "),
        ("ＡＢＣ ①?", "abc 1"),
        ("Где «отпуск»?", "ГДЕ отпуск"),
        ("Straße", "STRASSE"),
    ],
)
def test_the_same_question_is_one_group(one: str, other: str) -> None:
    assert question_group(one) == question_group(other)


def test_other_questions_are_other_groups() -> None:
    questions = ["Where is it?", "Where was it?", "???", "!!!", "", "Где это?"]
    assert len({question_group(one) for one in questions}) == len(questions)


@pytest.mark.parametrize(
    ("lang", "question", "expected"),
    [
        ("de-AT", "Где это?", "de"),
        ("EN_us", "x", "en"),
        (None, "Где лежит файл config?", "ru"),
        (None, "What does привет mean here?", "en"),
        (None, "42?", "en"),
    ],
)
def test_the_language_is_the_logs_or_told_from_the_letters(
    lang: str | None, question: str, expected: str
) -> None:
    assert language_of(asked(1, lang=lang, question=question)) == expected


def test_a_request_without_a_source_is_of_the_index() -> None:
    request = asked(1, details={})
    (one,) = assembled([request], [vote(request, 1)]).candidates
    assert one.example.source == "documents"

from __future__ import annotations

import pytest

from almanac.dataset.completions import complete, is_sentence, pieces_of

TRAVEL = (
    "Travel above 500 euros is approved by the head of the department. Cheaper travel needs no "
    "approval."
)
OFFICE = "Mr. Hale leads the office in Leeds. It opened in 1998 and moved to Park Row in 2011."
DOGS = "Dogs are not allowed in the canteen. Guide dogs are welcome everywhere."


def completed(question: str, answer: str, *context: str, numbered: bool = True) -> tuple[str, str]:
    found = complete(question, answer, context, numbered)
    return found.text, found.style


def test_a_word_becomes_the_sentence_of_the_passage_that_says_it() -> None:
    question = "Who approves travel above 500 euros?"
    sentence = "Travel above 500 euros is approved by the head of the department"
    assert completed(question, "the head of the department", OFFICE, TRAVEL) == (
        f"{sentence} [2].",
        "passage",
    )
    assert completed(question, "the head of the department", TRAVEL, numbered=False) == (
        f"{sentence}.",
        "passage",
    )


def test_a_sentence_that_points_back_comes_with_the_one_before_it() -> None:
    question = "When did the office in Leeds move to Park Row?"
    assert completed(question, "2011", OFFICE) == (
        "2011. Mr. Hale leads the office in Leeds. It opened in 1998 and moved to Park Row in 2011 "
        "[1].",
        "passage",
    )


def test_yes_and_no_need_a_passage_that_says_so() -> None:
    question = "Are dogs allowed in the canteen?"
    assert completed(question, "no", DOGS) == (
        "No. Dogs are not allowed in the canteen [1].",
        "passage",
    )
    assert completed(question, "yes", DOGS) == ("yes", "span")


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who approves travel above 500 euros?", "the board"),  # stands nowhere
        (
            "Which trains run to Hull on Sundays?",
            "department",
        ),  # the passage is about another thing
    ],
)
def test_what_no_sentence_says_stays_a_span(question: str, answer: str) -> None:
    assert completed(question, answer, TRAVEL) == (answer, "span")


def test_a_whole_answer_is_left_and_cites_the_passage_that_has_it() -> None:
    question = "Who approves travel?"
    answer = "The head of the department approves travel above 500 euros."
    assert completed(question, answer, OFFICE, TRAVEL) == (f"{answer[:-1]} [2].", "as_written")
    assert completed(question, "Ask the porter on floor two.", TRAVEL) == (
        "Ask the porter on floor two.",
        "as_written",
    )
    for other in ("The CEO approves travel above 500 euros.", f"{answer[:-1]} since 2019."):
        assert completed(question, other, OFFICE, TRAVEL) == (other, "as_written")
    cited = "The head does [1]."
    assert completed(question, cited, TRAVEL) == (cited, "as_written")


def test_russian() -> None:
    passage = "Первая биржа была основана в 1817 году. Она работала до войны."
    assert completed("Когда была основана первая биржа?", "в 1817 году", passage) == (
        "Первая биржа была основана в 1817 году [1].",
        "passage",
    )


def test_a_long_passage_as_an_answer_is_a_copy() -> None:
    passage = " ".join(f"Room {number} is on the floor above." for number in range(20))
    assert completed("Where is room 3?", passage, passage) == (passage, "copy")
    assert completed("Where is room 3?", passage, OFFICE)[1] == "as_written"


def test_what_reads_as_a_sentence() -> None:
    assert not any(map(is_sentence, ("Washington, D.C.", "F.E.A.R.", "No.", "yes", "1928", "")))
    assert is_sentence("It is closed.")
    glued = "Signet owns Jared.The Zale Corporation, of St. Louis, is a retailer."
    assert pieces_of(glued) == [
        "Signet owns Jared.",
        "The Zale Corporation, of St. Louis, is a retailer.",
    ]

from __future__ import annotations

import pytest

from almanac.guards.texts import essence, plain
from tests.dataset.guard_rows import candidate, guarded, kept, reasons

ASKED = "Who approves travel expenses above the limit?"
LONG = (
    "The finance department approves every travel expense above the limit after the manager of the "
    "team has signed the form and the traveller has attached each receipt in its original currency"
)


def test_the_same_row_again_is_an_exact_duplicate_and_the_earlier_stays() -> None:
    found = guarded(candidate(2, f"  {ASKED.upper()} "), candidate(1, ASKED))
    assert kept(found) == ["r-001"]
    assert reasons(found) == {"r-002": ("exact_duplicate", {"repeats": "r-001"})}


def test_signs_courtesy_and_inflection_make_a_near_duplicate() -> None:
    russian = "Кто утверждает командировочные расходы сверх лимита?"
    found = guarded(
        candidate(1, ASKED),
        candidate(2, "Hello, can you please tell me: who approves travel expenses above the limit"),
        candidate(3, russian, chosen="Финансовый отдел."),
        candidate(
            4, "Кто утверждал командировочный расход сверх лимитов", chosen="финансовый отдел"
        ),
    )
    assert kept(found) == ["r-001", "r-003"]
    assert reasons(found) == {
        "r-002": ("near_duplicate", {"repeats": "r-001", "similarity": 1.0}),
        "r-004": ("near_duplicate", {"repeats": "r-003", "similarity": 1.0}),
    }


def test_long_answers_are_compared_by_3_grams_of_words() -> None:
    other = LONG.replace("approves", "refuses").replace("currency", "language")
    found = guarded(
        candidate(1, ASKED, chosen=LONG),
        candidate(2, ASKED, chosen=other),
        candidate(3, ASKED, chosen=LONG + " today"),
    )
    assert kept(found) == ["r-001", "r-002"]
    figures = {"repeats": "r-001", "similarity": round(29 / 30, 4)}
    assert reasons(found)["r-003"] == ("near_duplicate", figures)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who approves travel expenses below the limit?", "Finance."),  # another question
        (ASKED, "The board."),  # another answer
        ("Who approves travel expenses above the limit of 2019?", "Finance."),  # a number
        ("Who does not approve travel expenses above the limit?", "Finance."),  # a negation
        ("Which hotel is near the office?", "Finance."),  # the same answer to something else
    ],
)
def test_what_says_something_else_is_kept(question: str, answer: str) -> None:
    found = guarded(candidate(1, ASKED, chosen="Finance."), candidate(2, question, chosen=answer))
    assert kept(found) == ["r-001", "r-002"]


def test_a_row_that_adds_no_side_is_a_duplicate_and_one_that_does_is_not() -> None:
    pair = {"chosen": "Finance.", "rejected": "Nobody does."}
    found = guarded(
        candidate(1, ASKED, **pair),
        candidate(2, ASKED, chosen="finance"),
        candidate(3, ASKED, chosen=None, rejected="nobody does"),
        candidate(4, "Where is the nearest car park?", chosen="Behind the hall."),
        candidate(
            5, "Where is the nearest car park?", chosen="Behind the hall.", rejected="In Rome."
        ),
    )
    assert kept(found) == ["r-001", "r-004", "r-005"]
    assert {reason for reason, _ in reasons(found).values()} == {"near_duplicate"}


def test_three_wrong_answers_to_one_right_one_are_enough() -> None:
    wrong = ("Nobody does.", "The cook signs.", "Ask a lawyer.", "It is automatic.")
    rows = [candidate(n, ASKED, chosen="Finance.", rejected=one) for n, one in enumerate(wrong)]
    found = guarded(*rows)
    assert kept(found) == ["r-000", "r-001", "r-002"]
    figures = {"repeats": "r-002", "similarity": 1.0, "pairs": 3}
    assert reasons(found) == {"r-003": ("near_duplicate", figures)}


def test_other_passages_make_no_new_row() -> None:
    found = guarded(candidate(1, ASKED), candidate(2, ASKED, context=("Finance approves.",)))
    assert reasons(found) == {"r-002": ("near_duplicate", {"repeats": "r-001", "similarity": 1.0})}


def test_essence_and_plain() -> None:
    assert plain("  Ａ\u00a0B\n c ") == "a b c"
    assert essence("Please, who is it?").parts == essence("who is it").parts
    assert essence("a b").similarity(essence("a b 1")) == 0.0
    assert essence("").similarity(essence("")) == 1.0
    assert essence("the of").similarity(essence("the of")) == 1.0

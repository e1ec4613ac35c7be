"""Guards that look at each row alone, and the flood."""

from __future__ import annotations

import pytest

from tests.dataset.guard_rows import candidate, guarded, kept, reasons, vote


@pytest.mark.parametrize(
    ("question", "answers", "blank"),
    [
        ("?!", {}, "question"),
        ("Who?", {"chosen": " \n"}, "chosen"),
        ("Who?", {"chosen": "He.", "rejected": "…"}, "rejected"),
        ("Who?", {"chosen": None}, "answer"),
        ("Who?", {"chosen": "He did.", "rejected": " He  did."}, "pair"),
        ("Who?", {"chosen": "Café con\u00adtrol", "rejected": "Cafe\u0301 control"}, "pair"),
    ],
)
def test_blank_texts(question: str, answers: dict[str, str], blank: str) -> None:
    assert reasons(guarded(candidate(1, question, **answers))) == {
        "r-001": ("empty", {"blank": blank})
    }


def test_a_correction_of_case_alone_is_a_pair() -> None:
    assert kept(guarded(candidate(1, "Which?", chosen="SQL", rejected="sql"))) == ["r-001"]


def test_users_who_disagree_drop_a_row_and_one_who_changed_their_mind_does_not() -> None:
    found = guarded(
        candidate(1, "Who?", votes=[vote("a", 1), vote("b", -1), vote("c", -1)]),
        candidate(2, "Where?", votes=[vote("a", 1), vote("a", -1, 5)]),
    )
    assert kept(found) == ["r-002"]
    assert reasons(found) == {"r-001": ("contradicting_votes", {"likes": 1, "dislikes": 2})}


def test_length_is_prompt_and_the_longer_answer() -> None:
    question = " ".join(f"w{n}" for n in range(60))
    fits = candidate(1, question, chosen="a b c d", rejected="e")
    over = candidate(2, question + " more", chosen="a", rejected="f g h i")
    found = guarded(fits, over, max_tokens=64)
    assert kept(found) == ["r-001"]
    assert reasons(found) == {"r-002": ("too_long", {"tokens": 65, "limit": 64})}


def test_one_user_stops_at_the_limit_and_the_earliest_stay() -> None:
    rows = [candidate(n, f"Where is room {n}?", "a") for n in (3, 1, 2)]
    found = guarded(*rows, candidate(4, "Who paints?", "b"), max_per_user=2)
    assert kept(found) == ["r-001", "r-002", "r-004"]
    figures = {"user": "a", "counted": "examples", "limit": 2}
    assert reasons(found) == {"r-003": ("flood", figures)}


def test_who_votes_on_the_answers_of_others_is_counted_too() -> None:
    rows = [candidate(n, f"Where is room {n}?", votes=[vote("judge", 1)]) for n in range(3)]
    found = guarded(*rows, max_per_user=2)
    assert reasons(found)["r-002"] == (
        "flood",
        {"user": "judge", "counted": "examples", "limit": 2},
    )


def test_one_sentence_as_the_correction_of_everything() -> None:
    wrong = {"rejected": "Nobody knows."}
    rows = [
        candidate(n, f"Where is room {n}?", "a", chosen="Buy it from my cousin.", **wrong)
        for n in range(5)
    ]
    short = [candidate(10 + n, f"Is hall {n} open?", "b", chosen="Yes", **wrong) for n in range(9)]
    found = guarded(*rows, *short)
    figures = {"user": "a", "counted": "corrections", "limit": 3}
    assert reasons(found) == {"r-003": ("flood", figures), "r-004": ("flood", figures)}


def test_a_burst_of_one_comment() -> None:
    rows = [
        candidate(n, f"Where is room {n}?", votes=[vote("a", 1, minute, "useful")])
        for n, minute in enumerate([0, 1, 2, 3, 4, 5, 900])
    ]
    found = guarded(*rows)
    assert reasons(found) == {"r-005": ("flood", {"user": "a", "counted": "comments", "limit": 5})}

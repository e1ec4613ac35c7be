"""When two questions are one."""

from __future__ import annotations

import pytest

from almanac.cache.wording import same_text, same_words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Who approves travel?", "who  approves travel"),
        ("Who approves travel?", "Who approves travel?\n"),
        ("Кто согласует поездку?", "кто согласует поездку…"),
    ],
)
def test_the_same_text(one: str, other: str) -> None:
    assert same_text(one) == same_text(other)
    assert same_words(one) == same_words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hi, could you tell me how many holidays I have?", "How many holiday I have"),
        ("Who's the manager?", "Who is manager?"),
        ("I don't have two cars", "I do not have 2 car"),
        ("Подскажите, пожалуйста, где столовая?", "Где столовая"),
        ("Where may I park, please?", "Where may I park?"),
    ],
)
def test_the_same_words(one: str, other: str) -> None:
    assert same_text(one) != same_text(other)
    assert same_words(one) == same_words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("May US staff travel?", "May us staff travel?"),
        ("How is C++ compiled?", "How is C compiled?"),
        ("What is 2⁵?", "What is 25?"),
        ("Is it open before noon?", "Is it open after noon?"),
        ("Is travel paid?", "Is travel not paid?"),
        ("Can I work abroad for two weeks?", "Can I work abroad for two months?"),
        ("Does Anna Keld approve it?", "Does Anne Keld approve it?"),
        ("Can my manager cancel leave already approved?",
         "Can I cancel leave my manager already approved?"),
        ("Is -5 allowed?", "Is 5 allowed?"),
        ("Who was the manager?", "Who is the manager?"),
        ("Можно ли брать отпуск?", "Можно ли не брать отпуск?"),
        ("Which customs apply?", "Which custom apply?"),
    ],
)  # fmt: skip
def test_other_questions(one: str, other: str) -> None:
    assert same_text(one) != same_text(other)
    assert same_words(one) != same_words(other)


def test_words_of_which_none_are_left_are_like_nothing() -> None:
    assert same_words("Please?") is None
    assert same_words("the") is None
    assert same_text("") != same_text("the")

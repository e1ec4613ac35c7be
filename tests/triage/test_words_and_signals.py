"""Figures over texts."""

from __future__ import annotations

import math

import pytest

from almanac.core.stems import Rarity, sentences, stems_of, words
from almanac.triage.signals import agreement, support, together
from schemas.settings import TriageSettings

RULES = TriageSettings()
FLAT = Rarity([])  # every stem weighs the same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Printers PRINTED", "printer printing"),
        ("Людовика Ёлки", "людовик елка"),
        ("1,000 points", "1000 point"),
        ("ﬁve", "five"),
        ("it’s", "it's"),
        ("as said [1][2].", "as said."),
        ("con\u00adtrol of the ca\u200bfe\u0301", "control of the café"),
    ],
)
def test_the_same_word_in_other_clothes(one: str, other: str) -> None:
    assert words(one) == words(other)


def test_numbers_and_negations() -> None:
    said = words("It isn't 3.5 or 1,200,000, and not a[0].")
    assert said.numbers == {"3.5", "1200000", "0"}
    assert said.negations == 2
    assert words("Это не так, и никогда не было").negations == 3
    assert stems_of("a a b") == {"a", "b"}


def test_rarity_is_the_one_of_bm25() -> None:
    rarity = Rarity(["the cat", "the dog", "the bird"])
    assert rarity.weight("the") == pytest.approx(math.log1p(0.5 / 3.5))
    assert rarity.weight("cat") == pytest.approx(math.log1p(2.5 / 1.5))
    assert rarity.weight("unseen") == pytest.approx(math.log1p(3.5 / 0.5))
    assert rarity.cover(["cat"], {"cat"}) == 1
    assert rarity.cover([], {"cat"}) == 0


def test_sentences() -> None:
    text = "One. Two!\n\nThree 3.5\nitems\n- a\n- b"
    assert sentences(text) == ["One.", "Two!", "Three 3.5\nitems", "- a", "- b"]


def test_scattered_words_do_not_stand_together() -> None:
    text = "A visitor comes. It rains. An orange is sold. It rains. The badge is lost."
    assert together("the orange badge", text, FLAT) == pytest.approx(2 / 3)
    assert together("the orange badge", "The badge is lost. It is orange.", FLAT) == 1
    assert together("orange", "", FLAT) == 0


@pytest.mark.parametrize(
    ("answer", "text", "level"),
    [
        ("orange badge", "The visitor shows an orange badge to the printer", "yes"),
        ("orange badge", "An orange badge is orange", "no"),  # not about the question
        ("orange badge", "The visitor shows a badge to the printer", "no"),
        ("5 badges", "The visitor shows badges to the printer 6 times", "no"),  # another number
        ("", "The visitor shows an orange badge to the printer", "no"),
        ("orange badge", "", "no"),
    ],
)
def test_a_text_supports_an_answer_only_to_its_question(answer: str, text: str, level: str) -> None:
    asked = words("which badge does the visitor show to the printer")
    assert support(asked, words(answer), stems_of(text), FLAT).level(RULES) == level


@pytest.mark.parametrize(
    ("response", "level"),
    [
        ("The orange badge.", "yes"),
        ("the badge, orange, is what to show", "yes"),
        ("The green badge.", "no"),
        ("Not the orange badge.", "unclear"),
        ("The orange badge, a passport, two photos and some money in cash", "unclear"),
        ("", "no"),
    ],
)
def test_agreement_with_what_was_expected(response: str, level: str) -> None:
    found = agreement(
        "what is it that one has to show", response, "the orange badge", ["It is shown."], FLAT
    )
    assert found.level(RULES) == level


def test_missing_numbers_disagree() -> None:
    found = agreement("when", "at 4 in the night", "at 2 in the night", [], FLAT)
    assert found.numbers == ("2",)
    assert found.level(RULES) == "no"

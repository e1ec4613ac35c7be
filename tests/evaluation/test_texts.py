from __future__ import annotations

import pytest

from almanac.evaluation.texts import contains, exact, grounded, token_f1, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Zale\nCorporation!", ["zale", "corporation"]),
        ("«Ёлка» — это дерево…", ["елка", "это", "дерево"]),
        ("$1,000.50 (a lot)", ["100050", "lot"]),
        ("An ﬁne ＡＢＣ", ["fine", "abc"]),
        ("?!", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("answer", "right", "figures"),
    [
        ("the Zale Corporation.", "Zale Corporation", (1.0, 1.0, 1.0)),
        ("It is the Zale Corporation", "Zale Corporation", (0.0, 1.0, 2 * 2 / (4 + 2))),
        ("Corporation of Zale", "Zale Corporation", (0.0, 0.0, 2 * 2 / (3 + 2))),
        ("James Avery", "Zale Corporation", (0.0, 0.0, 0.0)),
        ("no no no", "no", (0.0, 1.0, 2 * 1 / (3 + 1))),
        ("Ёлку", "елку!", (1.0, 1.0, 1.0)),
        ("ёлка", "елку", (0.0, 0.0, 0.0)),
        ("arzale corporation", "zale corporation", (0.0, 0.0, 0.5)),
        ("", "Zale", (0.0, 0.0, 0.0)),
        ("?", "!", (1.0, 1.0, 1.0)),
        ("word", "!", (0.0, 0.0, 0.0)),
    ],
)
def test_against_one_reference(answer: str, right: str, figures: tuple[float, ...]) -> None:
    assert (exact(answer, [right]), contains(answer, [right]), token_f1(answer, [right])) == figures


def test_the_nearest_reference_counts() -> None:
    rights = ["two thousand", "2000", "in the year 2000"]
    assert (exact("2000", rights), token_f1("year 2000", rights)) == (1.0, 2 * 2 / (2 + 3))


@pytest.mark.parametrize(
    ("answer", "context", "share"),
    [
        ("The printer stands in room 7", ["Printers, standing in rooms: 7"], 1.0),
        ("Принтер стоит в комнате", ["В комнатах стоят принтеры."], 1.0),
        ("In 1999, in Paris", ["It was in 1998 in Paris."], 0.5),
        ("It has 1,000 seats", ["There are 1000 seats."], 1.0),
        ("Oslo", ["Bergen", "Oslo is cold"], 1.0),
        ("Rome Oslo 5 Bonn", ["Oslo"], 0.25),
        ("no", ["no"], None),
        ("", ["Oslo"], None),
    ],
)
def test_grounded(answer: str, context: list[str], share: float | None) -> None:
    assert grounded(answer, context) == share

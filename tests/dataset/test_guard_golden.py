from __future__ import annotations

import pytest

from tests.dataset.guard_rows import candidate, guarded, kept, reasons

ENGLISH = "When was the national power grid of Norway built?"
RUSSIAN = "Какие животные обитают в заповеднике на Байкале?"
DATED = "How many points did the team score in 2015?"
GOLDEN = (ENGLISH, RUSSIAN, DATED)


@pytest.mark.parametrize(
    ("question", "golden", "measure", "similarity"),
    [
        (ENGLISH, ENGLISH, "stems", 1.0),
        ("when was norway's national power grid built", ENGLISH, "stems", 1.0),
        (f"I read all of it twice. {ENGLISH} I see no date.", ENGLISH, "golden_within", 1.0),
        ("When was the power grid of Norway built?", ENGLISH, "stems", 0.8333),
        ("When was the natoinal powergrid of Norway built?", ENGLISH, "letters", 0.75),
        ("Какое животное обитает в заповеднике Байкала", RUSSIAN, "stems", 1.0),
        (
            "Здравствуйте, подскажите, какие животные обитают в заповеднике на Байкале",
            RUSSIAN,
            "stems",
            1.0,
        ),
        ("How many points did the team score?", DATED, "within_golden", 1.0),
    ],
)
def test_near_copies_are_excluded(
    question: str, golden: str, measure: str, similarity: float
) -> None:
    found = reasons(guarded(candidate(1, question), golden=GOLDEN))
    reason, figures = found["r-001"]
    assert (reason, figures["golden"], figures["measure"]) == ("golden_question", golden, measure)
    assert figures["similarity"] >= similarity


@pytest.mark.parametrize(
    "question",
    [
        "When was the national library of Norway built?",
        "How many points did the team score in 2016?",
        "Who built the national museum of Denmark?",
        "Какие растения обитают в ботаническом саду Москвы?",
        "When?",
        "Norway",
    ],
)
def test_other_questions_are_kept(question: str) -> None:
    assert kept(guarded(candidate(1, question), golden=GOLDEN)) == ["r-001"]

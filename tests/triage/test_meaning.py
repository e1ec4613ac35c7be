"""What meaning adds: the packaged embedders on small cases, in English, Russian and across."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from almanac.embedding.shared import close_encoders
from schemas.settings import TriageSettings
from tests.triage.conftest import PLAIN, Feedback

HALL = "The hall may be used by members until ten in the evening. Guests must not use it at all."
GUESTS = "На территорию клуба гости проходят только вместе с членом клуба. Собак не пускают."
VACCINE = "The vaccine is not free for adults. Children need a guardian's consent."
COURSE = "The course takes two weeks. Whoever is ill may repeat it without a further charge."


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Feedback]:
    """Dislikes of a release, looked into with the packaged multilingual model."""
    feedback = Feedback(Path(tmp_path_factory.mktemp("meaning")))
    for name, text in (("hall", HALL), ("guests", GUESTS), ("vaccine", VACCINE), ("kurs", COURSE)):
        feedback.house.put(name, text)
    feedback.house.night(4)
    ask = feedback.ask

    def about(name: str, shown: str, question: str, response: str, correction: str) -> None:
        context = feedback.passages(4, shown)
        ask(name, question, response, context, correction, release=4)

    about("other-words", "kurs", "How long does the course take?", "Three days.", "14 days")
    about("yes-no", "hall", "May guests use the hall?", "Yes, guests may use the hall.", "No.")
    about("opposite", "hall", "May guests use the hall?", "No.", "Guests may use the hall.")
    about(
        "words-alone",
        "vaccine",
        "Who gets the vaccine for free?",
        "Nobody.",
        "The vaccine is free for children",
    )
    about("russian", "guests", "Пускают ли в клуб собак?", "Да, пускают.", "Нет, собак не пускают.")
    about("across", "kurs", "Сколько длится курс?", "Курс длится три дня.", "Две недели")
    about(
        "same",
        "kurs",
        "How long does the course take?",
        "The course takes two weeks.",
        "It takes 14 days.",
    )
    feedback.house.configure(triage=TriageSettings(meaning=("multilingual",)))
    feedback.triage()
    yield feedback
    close_encoders()


def test_causes(spoken: Feedback) -> None:
    assert spoken.causes() == {
        "other-words": "model_fault",
        "yes-no": "model_fault",
        "opposite": "not_judged",
        "words-alone": "not_judged",
        "russian": "model_fault",
        "across": "model_fault",
        "same": "answer_right",
    }


def test_a_verdict_says_who_agreed(spoken: Feedback) -> None:
    found = spoken.found()
    assert found["yes-no"].voices["against"] == []
    assert {"claims", "refuted"} <= set(found["yes-no"].voices["agree"])
    assert "claims:negation" in found["words-alone"].voices["against"]
    assert found["russian"].rules == 2


def test_what_did_not_change_costs_nothing(spoken: Feedback) -> None:
    assert spoken.triage()["looked_into"] == 0


def test_a_literal_answer_needs_no_score(feedback: Feedback) -> None:
    feedback.ask(
        "literal",
        "What is it that people who come to see us are asked for at the machine downstairs?",
        "A passport.",
        ["printer"],
        "the orange badge",
    )
    feedback.house.configure(triage=PLAIN)
    feedback.triage()
    assert feedback.causes() == {"literal": "model_fault"}
    assert feedback.found()["literal"].voices["agree"][0] == "literal"

"""What an answer may not say is never given out, in whatever pieces it comes."""

from __future__ import annotations

from random import Random
from time import process_time

import pytest

from almanac.guards.personal.patterns import _recognisers
from almanac.serving.decisions import Decisions, Stopped
from almanac.serving.guarding import warm
from almanac.serving.withholding import Withheld
from schemas.sections.guards import GuardSettings

PASSAGE = (
    "Your manager approves travel that costs over 500 euro. Ask Ann Reed or call 020 7946 0321."
)
SECRETS = (
    "jane.roe@acme.co.uk",
    "anna dot k at gmail dot com",
    "+7 903 123-45-67",
    "112-233-445 95",
    "4111 1111 1111 1111",
    "г. Казань, ул. Кленовая, д. 7, кв. 21",
    "14 Larkspur Lane, Flat 3",
    "паспорт 45 09 123456",
    "DE89 3704 0044 0532 0130 00",
)


def said(answer: str, pieces: int = 1, random: Random | None = None, **settings: str) -> str:
    """The answer as it comes out of the guards, cut into so many pieces."""
    decisions = Decisions(GuardSettings(**settings))  # type: ignore[arg-type]
    held = Withheld(decisions, ["Who approves travel?", PASSAGE])
    cuts = sorted((random or Random(7)).sample(range(1, len(answer)), pieces - 1))
    parts = [answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]
    return "".join(map(held.feed, parts)) + held.finish()


@pytest.mark.parametrize("secret", SECRETS)
def test_no_character_of_personal_data_is_given_out_in_any_cut(secret: str) -> None:
    random = Random(1)
    answer = f"Your manager approves travel [1]. Write or go there: {secret}. That is all [1]."
    digits = secret.split()[-1]
    for _ in range(20):
        text = said(answer, 12, random, answer_grounding="off")
        assert digits not in text
        assert text.startswith("Your manager approves travel [1]. ")
        assert text.endswith("That is all [1].")
        with pytest.raises(Stopped):
            said(answer, 12, random, answer_grounding="off", answer_personal="block")


def test_what_the_passages_say_may_be_said() -> None:
    answer = "Travel over 500 euro: ask Ann Reed, 020 7946 0321 [1]."
    assert said(answer, 9) == answer


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (
            "The manager approves it [1]. It costs over 600 euro [1].",
            "The manager approves it [1]. ",
        ),
        ("The manager approves it [1]. Call Zoe Marsh first [1].", "The manager approves it [1]. "),
        ("Over five hundred euro the manager approves it [1].", None),
        ("1. Ask the manager [1].\n2. Travel [1].", None),
    ],
)
def test_numbers_and_names_that_no_passage_has(answer: str, shown: str | None) -> None:
    assert said(answer) == (answer if shown is None else shown)
    assert said(answer, answer_grounding="flag") == answer


HANDBOOK = (
    "Leave is 28 days; apply two weeks before, by 15 December, through HR Online. "
    "Руководитель согласует отпуск за две недели. Python 3.10 and 10 rows of FastAPI."
)
CODE = 'Use it [1]:\n```python\nitems = load(77)\n\n@app.get("/items/")\nasync def read(): ...\n```'


@pytest.mark.parametrize(
    "answer",
    [
        "Step 1: apply [1]. Step 2: wait [1]. Step 3: take your leave [1].",
        "### 2. Next Steps\nApply 14 days before, by 15.12 [1].",
        "Leave is 28 days, that is 4 weeks [1]. I'm sure, and I've read it [1].",
        "Отпуск согласует Ваш руководитель за 14 дней [1].",
        "There are 10 rows [1].",
        CODE,
    ],
)
def test_what_follows_from_the_passages_may_be_said(answer: str) -> None:
    decisions = Decisions(GuardSettings())
    held = Withheld(decisions, [HANDBOOK])
    assert "".join(map(held.feed, answer)) + held.finish() == answer
    assert decisions.made == []


@pytest.mark.parametrize(
    "answer",
    ["Trips over 700 euro [1] are not paid.", "It is not paid (see page 44) by the manager."],
)
def test_half_a_sentence_is_never_said(answer: str) -> None:
    assert said(answer) == ""


def test_a_number_of_a_list_goes_with_what_it_numbers() -> None:
    answer = "1. Ask the manager [1].\n2. Pay 700 euro [1].\n3. Travel [1]."
    assert said(answer) == "1. Ask the manager [1].\n3. Travel [1]."


def test_no_question_waits_until_numbers_can_be_told() -> None:
    _recognisers.cache_clear()
    warm([GuardSettings(meaning=False, question_personal="off", answer_personal="off")])
    assert _recognisers.cache_info().currsize == 0
    warm([GuardSettings(meaning=False)])
    assert _recognisers.cache_info().currsize == 1


def test_a_text_without_an_end_is_looked_at_once() -> None:
    held = Withheld(Decisions(GuardSettings(answer_grounding="off")), [PASSAGE])
    held.feed("word 12 " * 4_000)
    before = process_time()
    for _ in range(500):
        assert held.feed("word 12 ") == ""
    assert process_time() - before < 0.2  # 3 seconds, were all of it searched each time
    assert held.feed("It ends behind this.  It ends only now behind that sentence.  ") == ""
    assert held.feed("Next " + "word " * 60).endswith("It ends only now behind that sentence.  ")


def test_profanity_is_masked_in_both_languages() -> None:
    text = said("Ask the damn manager, you moron [1]. Отвалите, козлы [1].")
    assert text == "Ask the *** manager, you *** [1]. ***, *** [1]."
    with pytest.raises(Stopped):
        said("Ask the damn manager [1].", answer_words="block")


def test_decisions_are_counted_and_timed_without_their_texts() -> None:
    decisions = Decisions(GuardSettings())
    held = Withheld(decisions, [PASSAGE])
    held.feed("Write to jane.roe@acme.co.uk or joe.roe@acme.co.uk [1].")
    held.finish()
    stored = decisions.as_json()
    about = {"kind": "EMAIL", "found": 2}
    mail = {"guard": "answer_personal", "action": "mask", "times": 1, "about": about}
    assert stored["decisions"] == [mail]
    assert set(stored["milliseconds"]) == {"answer"}


def test_a_guard_that_fails_blocks_unless_it_is_to_let_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr("almanac.serving.withholding.profane", fail)
    with pytest.raises(Stopped):
        said("The manager approves it [1].")
    settings = GuardSettings(fails_open=("answer_words",))
    decisions = Decisions(settings)
    held = Withheld(decisions, [PASSAGE])
    assert held.feed("The manager approves it [1].") + held.finish() == (
        "The manager approves it [1]."
    )
    assert decisions.made[0]["action"] == "failed_open"

from __future__ import annotations

from dataclasses import replace

from almanac.evaluation.cheaper_cure import NearestExamples, cheaper_cure
from schemas.examples import Example
from tests.dataset.guard_rows import example
from tests.evaluation.made_up import RIGHT, WRONG, WordEncoder, case, scored


def known(number: int, question: str, **fields: object) -> Example:
    made = example(question, request_id=f"r-{number}", rejected="No idea.", origin="correction")
    return replace(made, **fields)  # type: ignore[arg-type]


def test_the_nearest_corrected_requests_come_last_and_never_the_question_itself() -> None:
    same = known(1, "Who keeps the garage keys")
    every = [
        same,
        known(2, "Who keeps the garage open"),
        known(3, "Where is the canteen"),
        known(4, "Who keeps the keys", side="held_back"),
        known(5, "Who keeps the keys here", style="span"),
    ]
    nearest = NearestExamples(every, WordEncoder().encode)
    (found,) = nearest.of(["Who keeps the garage keys"], [same.group])
    assert [one["content"] for one in found] == [
        "Where is the canteen",
        "The office on the second floor does.",
        "Who keeps the garage open",
        "The office on the second floor does.",
    ]
    assert NearestExamples([], WordEncoder().encode).of(["a"], ["b"]) == [()]
    one = replace(case("1"), examples=found)
    assert one.prompt_with_examples == (*found, *one.prompt)


def test_the_report_says_which_cure_is_better() -> None:
    rows = scored(held_back=[(WRONG, RIGHT)] * 12 + [(RIGHT, RIGHT)] * 4)

    def shown(right: float) -> tuple[str, ...]:
        return cheaper_cure([replace(one, examples={"right": right}) for one in rows])

    assert cheaper_cure(rows) == ()
    assert shown(1.0) == (
        "Held-back faults, right of 16 questions: 25.0% by the base, 100.0% with 3 examples in its "
        "prompt, 100.0% with the adapter. The adapter is not shown to beat the examples (0 gained, "
        "0 lost): try them first, they need no training.",
    )
    assert shown(0.0)[0].endswith("The adapter beats the examples (16 gained, 0 lost).")

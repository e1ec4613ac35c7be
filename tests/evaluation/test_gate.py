from __future__ import annotations

import json
from dataclasses import replace

import pytest

from almanac.evaluation.gate import judge_adapter
from schemas.settings import TuningSettings
from tests.evaluation.made_up import LONG, RIGHT, WRONG, Pair, scored

RULES = TuningSettings(min_questions=20, margin=0.02)
MERGED = {"max_abs_difference": 1e-4, "tolerance": 1e-3, "passed": True}
SAME: list[Pair] = [(LONG, LONG), (RIGHT, RIGHT), (WRONG, WRONG)] * 10
BETTER: list[Pair] = [(WRONG, RIGHT)] * 20 + [(LONG, LONG)] * 10
WORSE = [(adapter, base) for base, adapter in BETTER]


def checks(verdict) -> dict[str, bool | None]:
    return {one.name: one.passed for one in verdict.checks}


def refused_by(verdict) -> list[str]:
    return [one.name for one in verdict.checks if one.passed is False]


def test_a_better_adapter_is_offered() -> None:
    verdict = judge_adapter(scored(held_back=BETTER, golden=SAME, liked=SAME), MERGED, RULES)
    assert verdict.offered
    assert set(checks(verdict).values()) == {True}
    figure = verdict.figure("held_back", "f1")
    assert (figure.questions, figure.missing) == (30, 0)
    assert figure.difference == pytest.approx(20 / 30)
    assert figure.low is not None
    assert figure.high is not None
    assert 0.4 < figure.low < 20 / 30 < figure.high < 0.9
    assert verdict.reasons[0] == (
        "Better: words shared with the right answer (F1), held-back faults: 0.800 with the adapter "
        "and 0.133 without, a difference of +0.667 (95 % interval "
        f"{figure.low:+.3f} to {figure.high:+.3f}) on 30 questions."
    )
    assert json.loads(json.dumps(verdict.as_json()))["offered"] is True


def test_an_adapter_that_changes_nothing_is_refused() -> None:
    verdict = judge_adapter(scored(held_back=SAME, golden=SAME, liked=SAME), MERGED, RULES)
    assert not verdict.offered
    assert refused_by(verdict) == ["better on held-back faults"]
    figure = verdict.figure("held_back", "f1")
    assert (figure.difference, figure.low, figure.high) == (0.0, 0.0, 0.0)
    assert verdict.reasons == [f"Not shown to be better: {figure.said()}."]


def test_a_worse_adapter_is_refused() -> None:
    verdict = judge_adapter(scored(held_back=WORSE, golden=SAME, liked=SAME), MERGED, RULES)
    assert refused_by(verdict) == [
        "better on held-back faults",
        "contains not shown to be worse on held-back faults",
        "grounded not worse on held-back faults",
    ]


def test_a_better_margin_with_worse_answers_is_refused() -> None:
    found = scored((-1.0, 5.0), held_back=WORSE, golden=SAME, liked=SAME)
    verdict = judge_adapter(found, MERGED, RULES)
    margin = verdict.figure("held_back", "margin")
    assert (margin.base, margin.adapter, margin.low) == (-1.0, 5.0, 6.0)
    assert not verdict.offered


def test_a_better_margin_with_the_same_answers_is_refused() -> None:
    verdict = judge_adapter(scored((-1.0, 5.0), held_back=SAME), MERGED, RULES)
    assert refused_by(verdict) == ["better on held-back faults"]


def test_brevity_that_loses_the_right_answer_is_refused() -> None:
    """DPO's trial: long answers that hold the right one become short ones, right less often."""
    pairs: list[Pair] = [(LONG, RIGHT)] * 19 + [(LONG, "The printer")] * 11
    verdict = judge_adapter(scored(held_back=pairs), MERGED, RULES)
    assert checks(verdict)["better on held-back faults"] is True
    assert refused_by(verdict) == ["contains not shown to be worse on held-back faults"]


def test_brevity_that_loses_right_answers_to_golden_questions_is_refused() -> None:
    """As a real SFT did: F1 on golden questions rose, and the right answer was there less often."""
    pairs: list[Pair] = [(LONG, RIGHT)] * 19 + [(LONG, "The printer")] * 11
    verdict = judge_adapter(scored(held_back=BETTER, golden=pairs, liked=SAME), MERGED, RULES)
    assert checks(verdict)["f1 not worse on golden questions"] is True
    assert refused_by(verdict) == ["contains not shown to be worse on golden questions"]


def test_an_adapter_that_forgets_liked_answers_is_refused() -> None:
    liked: list[Pair] = [(RIGHT, WRONG)] * 3 + [(RIGHT, RIGHT)] * 27
    verdict = judge_adapter(scored(held_back=BETTER, golden=SAME, liked=liked), MERGED, RULES)
    assert refused_by(verdict) == ["f1 not worse on liked answers"]
    assert "1.000 without, a difference of -0.100" in verdict.reasons[0]


def test_a_loss_that_is_not_shown_is_refused_by_the_margin_alone() -> None:
    golden: list[Pair] = [(RIGHT, LONG)] + [(RIGHT, RIGHT)] * 29  # a loss of 0.02 of F1
    found = scored(held_back=BETTER, golden=golden)
    strict = judge_adapter(found, MERGED, RULES)
    assert refused_by(strict) == ["f1 not worse on golden questions"]
    assert strict.reasons[0].startswith("May be worse: ")
    assert strict.reasons[0].endswith("-0.020 is the least allowed (tuning.margin).")
    assert judge_adapter(found, MERGED, RULES.model_copy(update={"margin": 0.2})).offered


def test_too_few_held_back_questions_are_refused() -> None:
    verdict = judge_adapter(scored(held_back=[(WRONG, RIGHT)] * 19), MERGED, RULES)
    assert refused_by(verdict) == ["better on held-back faults"]
    assert verdict.reasons[0].startswith("Too few questions to tell: ")
    assert verdict.reasons[0].endswith("on 19 questions; 20 are needed (tuning.min_questions).")


def test_too_few_golden_and_liked_questions_are_said_and_do_not_refuse() -> None:
    verdict = judge_adapter(
        scored(held_back=BETTER, golden=[(RIGHT, LONG), (LONG, RIGHT)]), MERGED, RULES
    )
    assert verdict.offered
    assert checks(verdict)["f1 not worse on golden questions"] is None
    assert checks(verdict)["f1 not worse on liked answers"] is None
    said = [reason for reason in verdict.reasons if reason.startswith("Not decided")]
    assert said[0].endswith("on 2 questions; 20 are needed (tuning.min_questions).")
    assert "liked answers: not measured; 20 are needed" in said[1]


def test_a_loss_that_is_shown_on_few_questions_refuses() -> None:
    verdict = judge_adapter(scored(held_back=BETTER, golden=[(RIGHT, WRONG)] * 5), MERGED, RULES)
    assert refused_by(verdict) == [
        "contains not shown to be worse on golden questions",
        "f1 not worse on golden questions",
    ]
    assert verdict.reasons[0].startswith("Worse: ")


def test_a_judge_that_finds_the_answers_worse_refuses() -> None:
    found = [
        replace(one, base={**one.base, "judged": 1.0}, adapter={**one.adapter, "judged": 0.0})
        for one in scored(held_back=BETTER)
    ]
    verdict = judge_adapter(found, MERGED, RULES)
    assert refused_by(verdict) == ["judged not shown to be worse on held-back faults"]
    assert "0.000 with the adapter and 1.000 without" in verdict.reasons[0]


def test_a_merged_model_without_finite_logits_is_refused() -> None:
    merge = {"max_abs_difference": None, "tolerance": 1e-3, "passed": False}
    verdict = judge_adapter(scored(held_back=BETTER), merge, RULES)
    assert verdict.reasons == ["The merged model's logits are no finite numbers."]


@pytest.mark.parametrize("merge", [None, MERGED | {"passed": False, "max_abs_difference": 3.5}])
def test_a_merge_that_differs_or_was_not_looked_at_refuses(merge) -> None:
    verdict = judge_adapter(scored(held_back=BETTER), merge, RULES)
    assert refused_by(verdict) == ["the merged model is base plus adapter"]
    assert ("3.5" in verdict.reasons[0]) is (merge is not None)


def test_what_was_not_measured_is_counted_and_not_a_zero() -> None:
    pairs: list[Pair] = [*BETTER, (None, None), (None, None), ("", RIGHT)]
    verdict = judge_adapter(scored(held_back=pairs), MERGED, RULES)
    f1, grounded = verdict.figure("held_back", "f1"), verdict.figure("held_back", "grounded")
    assert (f1.questions, f1.missing) == (31, 2)
    assert (grounded.questions, grounded.missing) == (30, 3)
    judged = verdict.figure("held_back", "judged")
    assert (judged.questions, judged.missing, judged.base, judged.said()) == (
        0,
        33,
        None,
        "right, says the judge, held-back faults: not measured",
    )


def test_no_cases_at_all() -> None:
    assert not judge_adapter([], MERGED, RULES).offered


def test_the_order_of_the_cases_changes_nothing() -> None:
    found = scored(held_back=BETTER, golden=SAME, liked=SAME)
    assert judge_adapter(found[::-1], MERGED, RULES) == judge_adapter(found, MERGED, RULES)

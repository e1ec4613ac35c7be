from __future__ import annotations

import json
from dataclasses import replace

import pytest

from almanac.evaluation.gate import judge_adapter
from schemas.settings import TuningSettings
from tests.evaluation.made_up import LONG, RIGHT, WRONG, Pair, scored

RULES = TuningSettings(min_questions=20, min_golden=0)
MERGED = {"max_abs_difference": 1e-4, "tolerance": 1e-3, "passed": True}
SAME: list[Pair] = [(LONG, LONG), (RIGHT, RIGHT), (WRONG, WRONG)] * 10
BETTER: list[Pair] = [(WRONG, RIGHT)] * 20 + [(LONG, LONG)] * 10
WORSE = [(adapter, base) for base, adapter in BETTER]


def checks(verdict) -> dict[str, bool | None]:
    return {one.name: one.passed for one in verdict.checks}


def refused_by(verdict) -> list[str]:
    return [one.name for one in verdict.checks if one.passed is False]


def test_a_better_adapter_is_offered() -> None:
    rules = RULES.model_copy(update={"min_golden": 30})
    verdict = judge_adapter(scored(held_back=BETTER, golden=SAME, liked=SAME), MERGED, rules)
    assert verdict.offered
    assert set(checks(verdict).values()) == {True}
    figure = verdict.figure("held_back", "right")
    assert (figure.questions, figure.missing, figure.gained, figure.lost) == (30, 0, 20, 0)
    assert figure.difference == pytest.approx(20 / 30)
    assert verdict.reasons[0] == (
        "Better: right as a whole, by rules, held-back faults: 100.0% with the adapter and 33.3% "
        "without, 20 gained and 0 lost of 30 questions; chance gives that in less than 0.1%."
    )
    assert json.loads(json.dumps(verdict.as_json()))["offered"] is True


@pytest.mark.parametrize("pairs", [SAME, WORSE, [(WRONG, RIGHT)] * 3 + SAME])
def test_what_is_not_shown_to_be_better_is_refused(pairs: list[Pair]) -> None:
    verdict = judge_adapter(scored(held_back=pairs, golden=SAME, liked=SAME), MERGED, RULES)
    assert refused_by(verdict)[0] == "better on held-back faults"
    assert verdict.reasons[0].startswith("Not shown to be better: right as a whole")
    assert verdict.reasons[0].endswith("where 3.0% is allowed.")


def test_a_better_margin_with_the_same_answers_is_refused() -> None:
    verdict = judge_adapter(scored((-1.0, 5.0), held_back=SAME), MERGED, RULES)
    margin = verdict.figure("held_back", "margin")
    assert (margin.base, margin.adapter, margin.low) == (-1.0, 5.0, 6.0)
    assert refused_by(verdict) == ["better on held-back faults"]


def test_brevity_wins_nothing() -> None:
    """Long answers that hold the right one become short ones, right less often: F1 rises."""
    pairs: list[Pair] = [(LONG, RIGHT)] * 19 + [(LONG, "The printer")] * 11
    verdict = judge_adapter(scored(held_back=pairs), MERGED, RULES)
    f1 = verdict.figure("held_back", "f1")
    assert f1.low is not None and f1.low > 0
    assert refused_by(verdict) == ["better on held-back faults"]
    verdict = judge_adapter(scored(held_back=BETTER, golden=pairs, liked=SAME), MERGED, RULES)
    assert refused_by(verdict) == ["right not worse on golden questions"]


def test_what_an_adapter_forgets_or_makes_up_refuses() -> None:
    liked: list[Pair] = [(RIGHT, WRONG)] * 4 + [(RIGHT, RIGHT)] * 27
    verdict = judge_adapter(scored(held_back=BETTER, golden=SAME, liked=liked), MERGED, RULES)
    assert "right not worse on liked answers" in refused_by(verdict)
    assert "0 gained and 4 lost of 31 questions; chance gives that in 6.2%" in verdict.reasons[0]
    made_up: list[Pair] = [(RIGHT, f"{RIGHT}, says Doctor Arbuthnot of Cardiff")] * 4
    verdict = judge_adapter(scored(held_back=BETTER, liked=made_up), MERGED, RULES)
    assert refused_by(verdict) == ["borne_out not worse on liked answers"]


def test_a_loss_that_chance_gives_does_not_refuse() -> None:
    liked: list[Pair] = [(RIGHT, WRONG)] * 3 + [(RIGHT, RIGHT)] * 27
    assert judge_adapter(scored(held_back=BETTER, golden=SAME, liked=liked), MERGED, RULES).offered


def test_too_few_questions_are_refused() -> None:
    verdict = judge_adapter(scored(held_back=[(WRONG, RIGHT)] * 19), MERGED, RULES)
    assert refused_by(verdict) == ["better on held-back faults"]
    assert verdict.reasons[0].startswith("Too few questions to tell: ")
    assert verdict.reasons[0].endswith("of 19 questions; 20 are needed (tuning.min_questions).")


def test_without_golden_questions_nothing_is_offered() -> None:
    verdict = judge_adapter(scored(held_back=BETTER, golden=SAME[:7]), MERGED, TuningSettings())
    assert refused_by(verdict) == ["there are golden questions"]
    assert verdict.reasons == [
        "What the adapter forgets can't be told: 7 of the 20 golden questions that are needed "
        "(tuning.min_golden). `almanac golden draft` writes some, and tuning.golden names their "
        "file."
    ]


def test_later_tries_on_the_same_questions_need_more() -> None:
    pairs: list[Pair] = [(WRONG, RIGHT)] * 8 + [(RIGHT, WRONG)] + [(RIGHT, RIGHT)] * 20
    found = scored(held_back=pairs)  # chance: 10 of 512
    assert judge_adapter(found, MERGED, RULES).offered
    again = judge_adapter(found, MERGED, RULES, tries=2)
    assert refused_by(again) == ["better on held-back faults"]
    assert again.reasons[0].endswith(
        "chance gives that in 2.0%, where 0.8% is allowed, this being try 2 on these questions."
    )


def test_a_judge_that_finds_the_answers_worse_refuses() -> None:
    found = [
        replace(one, base={**one.base, "judged": 1.0}, adapter={**one.adapter, "judged": 0.0})
        for one in scored(held_back=BETTER)
    ]
    verdict = judge_adapter(found, MERGED, RULES)
    assert refused_by(verdict) == ["judged not worse on held-back faults"]
    assert "0.0% with the adapter and 100.0% without" in verdict.reasons[0]


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

"""What the gate decides: worse, not worse, or not to be told, and what it says of it."""

from __future__ import annotations

from almanac.assistants.gate import Answered, Pair, decide, markdown
from almanac.evaluation.cases import GoldenAnswer
from schemas.settings import GateSettings

RULES = GateSettings(min_questions=20, margin=0.05)
RIGHT, WRONG, FAILED = "The board [1].", "Nobody knows [1].", None


def pair(
    number: int,
    current: str | None,
    candidate: str | None,
    must: bool = False,
    rights: tuple[bool | None, bool | None] = (None, None),
) -> Pair:
    golden = GoldenAnswer(id=f"g{number}", text="Who?", answers=["The board"], must=must)
    old, new = (
        Answered(text, "answered" if text else "failed", right)
        for text, right in zip((current, candidate), rights, strict=True)
    )
    return Pair(golden, old, new)


def test_equal_answers_pass_and_marks_are_no_words() -> None:
    verdict = decide([pair(n, "The board.", RIGHT) for n in range(20)], False, RULES)
    assert (verdict.outcome, verdict.measured, verdict.worse) == ("passed", 20, ())
    assert verdict.figures[0].candidate == verdict.figures[0].current == 1.0
    assert verdict.reasons[0].startswith(
        "Not worse: words shared with the ideal answer (F1): 1.000"
    )


def test_too_few_questions_say_how_many_are_needed() -> None:
    verdict = decide([pair(n, RIGHT, RIGHT) for n in range(12)], False, RULES)
    assert (verdict.outcome, verdict.needed) == ("undecided", 20)
    assert verdict.reasons == (
        "Too few questions: 12 of 20 (gate.min_questions); 8 more questions are needed.",
    )


def test_a_must_that_got_worse_refuses_however_few_there_are() -> None:
    pairs = [pair(1, RIGHT, WRONG, must=True), pair(2, WRONG, RIGHT, must=True)]
    verdict = decide(pairs, False, RULES)
    assert (verdict.outcome, verdict.worse) == ("refused", ("g1",))
    assert decide([pair(1, RIGHT, FAILED, must=True)], False, RULES).outcome == "refused"
    assert decide([pair(1, FAILED, WRONG, must=True)], False, RULES).outcome == "undecided"


def test_the_judge_decides_where_there_is_one() -> None:
    pairs = [pair(n, RIGHT, WRONG, rights=(True, True)) for n in range(30)]
    by_judge = decide(pairs, True, RULES)
    assert by_judge.figures[0].measure == "judged"
    assert by_judge.outcome == "passed"  # other words may be right too
    assert by_judge.reasons[0].startswith("Not worse: right, says the judge: 1.000 and 1.000")
    must = decide([pair(1, WRONG, RIGHT, must=True, rights=(True, False))], True, RULES)
    assert must.worse == ("g1",)


def test_what_is_not_measured_is_neither_worse_nor_right() -> None:
    pairs = [pair(n, RIGHT, RIGHT if n < 25 else FAILED) for n in range(40)]
    verdict = decide(pairs, False, RULES)
    assert (verdict.outcome, verdict.measured) == ("undecided", 25)
    assert "Only 25 of 40 questions could be measured" in verdict.reasons[0]
    few = decide([pair(n, FAILED if n else RIGHT, RIGHT) for n in range(20)], False, RULES)
    assert few.reasons[0].startswith("Only 1 of 20 questions could be measured")


def test_a_wide_interval_says_how_many_questions_would_tell() -> None:
    pairs = [pair(n, RIGHT, RIGHT) for n in range(18)] + [pair(18, RIGHT, WRONG)]
    pairs += [pair(19, WRONG, RIGHT)]
    verdict = decide(pairs, False, RULES)
    assert verdict.outcome == "undecided"
    assert 100 < verdict.needed < 300
    assert f"about {verdict.needed} questions would tell" in verdict.reasons[0]
    assert decide(pairs * 15, False, RULES).outcome == "passed"


def test_a_comment_says_what_changed_and_lets_no_answer_format_it() -> None:
    pairs = [pair(n, RIGHT, RIGHT) for n in range(19)] + [pair(19, RIGHT, "<b>@all</b> | `x`")]
    verdict = decide(pairs, False, RULES)
    report = verdict.as_json() | {
        "assistant": "handbook",
        "candidate": "a" * 64,
        "current": "b" * 64,
        "release": 7,
        "changes": ["the prompt: handbook@1 before, handbook@2 now"],
        "questions": [
            {
                "id": one.golden.id,
                "must": False,
                "question": one.golden.text,
                "ideal": "The board",
                "current": one.current.text,
                "candidate": one.candidate.text,
                "change": one.change("f1"),
            }
            for one in pairs
        ],
    }
    text = markdown(report)
    assert text.startswith("### ❔ Gate of `handbook`: undecided")
    assert "20 of 20 questions measured, release 7" in text
    assert r"candidate: \<b\>\@all\</b\> \| \`x\`" in text
    assert "1 answer changed" in text


def test_f1_alone_does_not_pass_shorter_answers_that_hold_less() -> None:
    pairs = [pair(n, RIGHT, WRONG if n % 20 == 0 else RIGHT) for n in range(400)]
    verdict = decide(pairs, False, RULES.model_copy(update={"margin": 0.1}))
    assert verdict.figures[0].low > -0.1
    assert verdict.outcome == "refused"
    assert verdict.reasons[0].startswith("Worse: the ideal answer is in it: 0.950 and 1.000 before")

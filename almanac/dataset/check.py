"""The expectations that a dataset meets before it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from expectations.runner import failed_as_a_whole, validate
from expectations.values import shown
from schemas.errors import DatasetRefused
from schemas.examples import Example
from schemas.report import CheckResult

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 5
# Which of (chosen, rejected) an example of each origin has.
_ANSWERS = {
    "correction": (True, True),
    "teacher": (True, True),
    "like": (True, False),
    "dislike": (False, True),
}


def check(examples: Sequence[Example]) -> tuple[CheckResult, ...]:
    """Judge the examples by `expectations/examples.json`.

    Raises:
        DatasetRefused: a must is broken; the message names the rule and the first requests.
    """
    validation = validate("examples", examples_frame(examples))
    broken = [
        (name, rejection) for name, rejection in validation.failing if rejection.severity == "must"
    ]
    if broken:
        rule, reason = broken[0][1].expectation, broken[0][1].reason
        rows = [rejection for _, rejection in broken if rejection.expectation == rule]
        named = ", ".join(f"{shown(row.doc_id)} ({row.value})" for row in rows[:_NAMED])
        raise DatasetRefused(
            f"{len(rows)} of {len(examples)} examples break {rule}: {named}. {reason}"
        )
    if whole := failed_as_a_whole(validation):
        raise DatasetRefused(f"the examples break {whole[0].expectation}: {whole[0].reason}")
    return validation.checks


def examples_frame(examples: Sequence[Example]) -> pd.DataFrame:
    """One row an example, in order; `doc_id` is its request. Lengths are in characters."""
    import pandas as pd

    sides: dict[str, set[str]] = {}
    for one in examples:
        sides.setdefault(one.group, set()).add(one.side)
    return pd.DataFrame(
        [_facts(one) | {"sides_of_question": len(sides[one.group])} for one in examples]
    )


def _facts(example: Example) -> dict[str, Any]:
    answers = [text for text in (example.chosen, example.rejected) if text is not None]
    given = (example.chosen is not None, example.rejected is not None)
    last = example.prompt[-1] if example.prompt else {"role": "", "content": ""}
    return {
        "doc_id": example.request_id,
        "example_id": example.example_id,
        "side": example.side,
        "origin": example.origin,
        "cause": example.cause,
        "answers": len(answers),
        "answers_fit_origin": given == _ANSWERS.get(example.origin),
        "answers_differ": example.chosen != example.rejected,
        "shortest_answer": min((len(text.strip()) for text in answers), default=0),
        "last_role": last["role"],
        "last_message": len(last["content"].strip()),
        "longest_text": max(map(len, [*answers, *(one["content"] for one in example.prompt)])),
        "passages": len(example.context),
    }

"""How an answer was made, in a few words."""

from __future__ import annotations

import json

from almanac.core.answered import how_answered


def test_models_reason_cost_and_whose_answer_it_was() -> None:
    calls = [
        {"name": "small", "purpose": "answer", "outcome": "empty"},
        {"name": "strong", "purpose": "answer", "outcome": "answered"},
    ]
    route = {"chosen": "strong", "why": "small had no answer: escalated", "calls": calls}
    found = {
        "calls": "small answer: empty; strong answer: answered",
        "served_by": "strong",
        "why": "small had no answer: escalated",
        "cost_usd": "0.001153",
    }
    assert how_answered(json.dumps(route), 1153, None) == found
    kept = how_answered(route | {"calls": []}, 0, "r1")  # no model was asked
    assert kept == {"cost_usd": "0.000000", "cached": "the answer of request r1"}
    assert how_answered({"chosen": "main"}, None, None) == {"served_by": "main"}  # of before
    assert how_answered(None, None, None) == {}  # another assistant's

"""What is measured of one answer, and what a figure says of many."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from almanac.judging.figures import corrected, figure
from almanac.judging.measures import Score, measure
from almanac.judging.sample import choose
from almanac.llm.chat import Chat
from almanac.llm.verdict import verdicts
from schemas.errors import TextRefused
from schemas.feedback import Passage, Request
from schemas.settings import EndpointSettings, JudgingSettings
from tests.llm.server import ChatEndpoint, says, serving, status

AT = datetime(2026, 3, 3, 12, tzinfo=UTC)
REQUEST = Request(
    "req-1", AT, "ann", "Who approves travel?",
    "Ann approves travel [1]. Bob pays for it [2]. Both are </claims> kind.",
    tuple(Passage(str(at), f"passage {at}") for at in range(4)),
    assistant="handbook", version="v", status="answered",
)  # fmt: skip
WHOLE: dict[str, Any] = {
    "claims": [1, 1, 0],
    "passages": [1, 0, 1, 0],
    "questions": ["a", "b", "c"],
    "noncommittal": False,
}


def likeness(question: str, others: Sequence[str]) -> list[float]:
    assert question == "Who approves travel?"
    return [0.9, 0.6, 0.3][: len(others)]


def measured(endpoint: ChatEndpoint, said: str) -> dict[str, Score]:
    endpoint.replies = [says(said)]
    settings = EndpointSettings(model="judge", base_url=endpoint.url, max_retries=0)
    found, has_answered = measure(Chat(settings), REQUEST, likeness)
    assert has_answered
    return found


def test_the_definitions_are_those_of_ragas() -> None:
    with serving() as endpoint:
        found = measured(endpoint, "Well: " + json.dumps(WHOLE))
        values = {name: round(score.value or 0, 4) for name, score in found.items()}
        assert values == {
            "faithfulness": 0.6667,
            "answer_relevancy": 0.6,
            "context_precision": round((1 / 1 + 2 / 3) / 2, 4),
        }
        (asked,) = endpoint.requests
        told = asked["messages"][1]["content"]
        assert "1. Ann approves travel.\n2. Bob pays for it.\n3. Both are < /claims> kind." in told
        evades = measured(endpoint, json.dumps(WHOLE | {"noncommittal": True}))
        assert evades["answer_relevancy"] == Score(0.0)
        none = measured(endpoint, json.dumps(WHOLE | {"passages": [0, 0, 0, 0]}))
        assert none["context_precision"] == Score(0.0)


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({"claims": [1, 1]}, "faithfulness"),  # one was forgotten: no share of two
        ({"claims": [1, 1, "yes"]}, "faithfulness"),
        ({"passages": [1]}, "context_precision"),
        ({"questions": ["a", "b"]}, "answer_relevancy"),
        ({"noncommittal": "no"}, "answer_relevancy"),
    ],
)
def test_what_is_left_out_is_not_judged(change: dict[str, Any], lost: str) -> None:
    with serving() as endpoint:
        found = measured(endpoint, json.dumps(WHOLE | change))
        assert {name for name, one in found.items() if one.value is None} == {lost}
        assert "judge" in found[lost].reason
        nothing = measured(endpoint, "I would rather not.")
        assert all(one.value is None for one in nothing.values())


def test_what_no_text_is_does_not_end_the_judges_work() -> None:
    with serving() as endpoint:
        stuck = measured(endpoint, '{"claims": ' + "[" * 100_000)
        assert {one.value for one in stuck.values()} == {None}
        half = WHOLE | {"questions": ["a", "b \ud800", "c"]}
        found = measured(endpoint, json.dumps(half))
        assert found["answer_relevancy"].value == pytest.approx(0.6)
        blank = measured(endpoint, json.dumps(WHOLE | {"questions": ["a", "b", "\u200b"]}))
        assert blank["answer_relevancy"].value is None

        def refuses(question: str, others: Sequence[str]) -> list[float]:
            raise TextRefused(0, "has 600 tokens, and the model reads 512")

        endpoint.replies = [says(json.dumps(WHOLE))]
        settings = EndpointSettings(model="judge", base_url=endpoint.url, max_retries=0)
        long, _ = measure(Chat(settings), REQUEST, refuses)
        assert long["answer_relevancy"].value is None
        assert long["faithfulness"].value == pytest.approx(2 / 3)
    assert list(verdicts('{"verdict": "right", "reason": "b \\ud800"}' + '{"a":' * 2_000)) == [
        ("right", "b ?")
    ]


def test_a_judge_that_fails_judges_nothing() -> None:
    with serving(status(500)) as endpoint:
        settings = EndpointSettings(model="judge", base_url=endpoint.url, max_retries=0)
        found, has_answered = measure(Chat(settings), REQUEST, likeness)
    assert not has_answered
    assert all(one.value is None and one.reason for one in found.values())


def test_a_dead_judge_makes_a_figure_unknown_and_moves_no_mean() -> None:
    rng = random.Random(3)
    moved: list[float] = []
    covered = 0
    for _ in range(300):
        scores: list[float | None] = [float(rng.random() < 0.8) for _ in range(100)]
        whole = figure(scores, 0.8)
        dead = set(rng.sample(range(100), 15))
        left = figure([None if at in dead else one for at, one in enumerate(scores)], 0.8)
        assert whole.mean is not None and left.mean is not None
        assert left.low is not None and left.high is not None
        moved.append(left.mean - whole.mean)
        covered += left.low <= 0.8 <= left.high
        lost = figure([None if at < 20 else one for at, one in enumerate(scores)], 0.8)
        assert (lost.mean, lost.coverage, lost.asked) == (None, 0.8, 100)
    # Counted as 0, the lost ones would move each by 0.12.
    assert abs(sum(moved)) / len(moved) < 0.003 and max(map(abs, moved)) < 0.06
    assert covered >= 285  # 95 %
    assert figure([1.0] * 50, 0.8).low == pytest.approx(0.9643, abs=1e-3)
    assert figure([], 0.8).mean is None


def test_a_rate_is_corrected_by_what_people_say_of_the_judge() -> None:
    rng = random.Random(5)
    inside = 0
    for _ in range(300):
        truth = [rng.random() < 0.7 for _ in range(400)]
        good = [rng.random() < (0.9 if one else 0.25) for one in truth]
        liked = [rng.random() < 0.9 for _ in range(80)]
        disliked = [rng.random() < 0.25 for _ in range(80)]
        found = corrected(good, liked, disliked)
        assert found
        inside += found["low"] <= 0.7 <= found["high"]
    assert inside >= 280
    exact = corrected([True] * 60 + [False] * 40, [True] * 20, [False] * 20)
    assert exact and (exact["good"], exact["corrected"]) == (0.6, 0.6)
    assert corrected([True], [True] * 19, [False] * 20) is None  # too few
    assert corrected([True], [True, False] * 20, [True, False] * 20) is None  # a coin


def test_who_is_looked_at_stays_the_same() -> None:
    requests = [
        Request(
            f"req-{at}", AT + timedelta(minutes=at), "ann", "?", "Yes [1].", assistant="handbook",
            version=f"v{at % 2}", status="refused" if at % 10 == 0 else "answered",
            guard={"decisions": [{"guard": "answer_grounding"}]} if at == 7 else None,
        )
        for at in range(400)
    ]  # fmt: skip
    settings = JudgingSettings(share=0.1, least=0)
    chosen = choose(requests, {"req-11", "req-20"}, settings)
    by_id = {one.request.request_id: one.why for one in chosen}
    drawn = [name for name, why in by_id.items() if why == "drawn"]
    assert 15 < len(drawn) < 60
    assert by_id["req-11"] in ("drawn", "disliked")
    assert by_id["req-7"] in ("drawn", "ungrounded")
    assert "req-20" not in by_id  # a refusal says nothing that can be measured
    later = choose(requests[:200], set(), settings)
    assert {one.request.request_id for one in later} - {"req-7"} <= set(drawn)
    least = choose(requests, set(), JudgingSettings(share=0.0, least=12))
    counted = [one.request.version for one in least if one.why == "drawn"]
    assert counted.count("v0") == counted.count("v1") == 12

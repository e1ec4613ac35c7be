from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from almanac.dataset import catalog
from almanac.dataset.build import build, bytes_bound
from almanac.dataset.check import check
from lakehouse.training import Rejected
from schemas.errors import DatasetRefused
from schemas.feedback import ACTIONS
from tests.dataset.logged import (
    FIRST,
    asked,
    configured,
    faults,
    fill,
    lake_of,
    likes,
    verdict,
    vote,
)


def rows(root: Path) -> list[tuple[Any, ...]]:
    """Every row of the four tables of datasets."""
    lake = lake_of(configured(root))
    names = ("datasets", "training_examples", "rejected_examples", "splits")
    return [tuple(row.items()) for name in names for row in lake.delta(name).read().to_pylist()]


def test_a_dataset_of_corrections_bare_dislikes_and_likes(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0.3)
    lake = lake_of(settings)
    asks = [*faults(range(8)), *faults(range(8, 12), corrected=False), *likes(range(12, 18))]
    other = asked(18)
    verdicts = [verdict(one) for one, said in asks if said.rating < 0]
    verdicts.append(verdict(other, "retrieval_missed"))
    fill(
        lake,
        [*asks, (other, vote(other, -1, "Ask Ann.")), (asked(19), vote(asked(19), -1))],
        verdicts,
    )
    result = build(settings, None, None, "run-1")

    manifest = lake.datasets.manifest()
    examples = lake.datasets.examples(manifest)
    assert manifest["dataset"] == result["dataset"]
    assert [[one.example_id, one.side] for one in examples] == manifest["examples"]
    by_side = Counter(one.side for one in examples)
    assert result["split"] == {"train": by_side["train"], "held_back": by_side["held_back"]}
    assert result["new"] is True
    train = [one for one in examples if one.side == "train"]
    trained_likes = sum(one.origin == "like" for one in train)
    assert trained_likes <= 0.3 * len(train)
    assert manifest["trained_on"] == sorted(one.request_id for one in train)
    assert result["counts"]["origin"] == Counter(one.origin for one in examples)
    assert result["counts"]["cause"] == Counter(one.cause for one in examples)
    assert result["counts"]["source"] == {"wiki": len(examples)}
    assert result["dropped"]["retrieval_missed"] == 1
    assert result["dropped"]["not_triaged"] == 1
    kept = {one.request_id for one in examples}
    assert "r-018" not in kept and "r-019" not in kept
    assert len(kept) + sum(result["dropped"].values()) == 20
    assert result["requests"] == {"total": 20, "disliked": 14, "liked": 6, "unvoted": 0}
    dropped = lake.datasets.rejected(result["dataset"])
    assert Counter(one.reason for one in dropped) == result["dropped"]
    said = {"action": ACTIONS["retrieval_missed"], "question": other.question}
    assert Rejected("r-018", "retrieval_missed", said) in dropped


def test_the_views_count_what_they_hold(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0)
    fill(lake_of(settings), [*faults(range(5)), *faults([5, 6], corrected=False), *likes([7, 8])])
    result = build(settings, None, None)
    # 5 corrections: a right and a wrong answer each; 2 bare dislikes; 2 likes of 9 examples.
    assert result["examples"] == {"sft": 7, "dpo": 5, "kto": 14}
    assert result["views"]["kto"] == {"train": 14, "held_back": 0}


def test_the_manifest_holds_no_text_of_any_example(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    fill(lake_of(settings), [*faults(range(9)), *likes(range(9, 12))])
    build(settings, None, None)
    lake = lake_of(settings)
    (stored,) = lake.delta("datasets").read().to_pylist()
    runs = str(lake.delta("runs").read().to_pylist())
    for number in range(12):
        request = asked(number)
        for text in (request.question, request.response, request.context[0].text, "Ask office"):
            assert text not in stored["manifest"] and text not in runs


def test_twice_is_once(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    fill(lake_of(settings), [*faults(range(9)), *likes(range(9, 15))])
    first = build(settings, None, None)
    before = rows(tmp_path)
    again = build(settings, None, None)
    assert (first["new"], again["new"]) == (True, False)
    assert first["dataset"] == again["dataset"] and first["card"] == again["card"]
    assert rows(tmp_path) == before


def test_another_lakehouse_with_the_same_feedback_in_another_order_has_the_same_hash(
    tmp_path: Path,
) -> None:
    asks = [*faults(range(9)), *likes(range(9, 15))]
    one, other = configured(tmp_path / "one"), configured(tmp_path / "other")
    fill(lake_of(one), asks)
    for pair in reversed(asks):
        fill(lake_of(other), [pair])
    assert build(one, None, None)["dataset"] == build(other, None, None)["dataset"]


@pytest.mark.parametrize(
    "rules",
    [{"salt": "another"}, {"held_back": 0.5}, {"like_share": 0.1}, {"system_prompt": "Be kind."}],
)
def test_other_rules_are_another_dataset(tmp_path: Path, rules: dict[str, Any]) -> None:
    asks = [*faults(range(9)), *likes(range(9, 15))]
    one, other = configured(tmp_path / "one"), configured(tmp_path / "other", **rules)
    for settings in (one, other):
        fill(lake_of(settings), asks)
    assert build(one, None, None)["dataset"] != build(other, None, None)["dataset"]


def test_a_log_that_grows_moves_no_row(tmp_path: Path) -> None:
    """Late rows come in before, between and after the others, into their sessions too."""
    settings = configured(tmp_path, held_back=0.4, like_share=1)
    lake = lake_of(settings)
    every = [*faults(range(40)), *likes(range(40, 60))]
    every = [
        (replace(one, session_id=f"s-{at % 17}"), said) for at, (one, said) in enumerate(every)
    ]
    fill(lake, every[::2])
    build(settings, None, None)
    before = {one.request_id: one.side for one in lake.datasets.examples(lake.datasets.manifest())}
    fill(lake, every[1::2])
    build(settings, None, None)
    after = {one.request_id: one.side for one in lake.datasets.examples(lake.datasets.manifest())}
    assert {key: after[key] for key in before} == before
    assert len(after) > len(before)
    of_session: dict[str | None, set[str]] = {}
    for request in lake.requests.rows(after):
        of_session.setdefault(request.session_id, set()).add(after[request.request_id])
    assert {len(some) for some in of_session.values()} == {1}
    manifests = lake.datasets.manifests()
    found = catalog.difference(settings, manifests[1]["dataset"], manifests[0]["dataset"])
    assert (found["same"], found["changed_side"]) == (len(before), [])


def test_the_window_takes_requests_by_when_they_were_asked(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0)
    fill(lake_of(settings), faults(range(10)))
    result = build(settings, FIRST + timedelta(hours=2), FIRST + timedelta(hours=5))
    lake = lake_of(settings)
    assert lake.datasets.manifest()["trained_on"] == ["r-002", "r-003", "r-004", "r-005"]
    assert lake.datasets.manifest()["window"] == {
        "from": "2026-01-05T11:00:00Z",
        "to": "2026-01-05T14:00:00Z",
    }
    # The same rows by another window are the same dataset.
    again = build(settings, FIRST + timedelta(hours=1.5), FIRST + timedelta(hours=5.5))
    assert (again["dataset"], again["new"]) == (result["dataset"], False)


def test_nothing_to_train_on_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    with pytest.raises(DatasetRefused, match="no request was asked in that time"):
        build(settings, None, None)
    fill(lake_of(settings), [*faults(range(3)), *likes([3, 4])], verdicts=[])
    with pytest.raises(DatasetRefused) as refused:
        build(settings, None, None)
    assert str(refused.value) == (
        "of 3 disliked answers none can be trained on (3 not_triaged, 2 like_cap, 0 held back; of "
        "2 liked ones alone nothing is learnt): `almanac triage` looks into those that are not "
        "triaged, then build again"
    )
    lake = lake_of(settings)
    assert lake.datasets.manifests() == [] and lake.datasets.sides() == {}


def test_a_dataset_that_breaks_an_expectation_is_refused_by_name(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0)
    fill(lake_of(settings), faults(range(4)))
    build(settings, None, None)
    lake = lake_of(settings)
    good = lake.datasets.examples(lake.datasets.manifest())
    assert all(one.success for one in check(good))
    for change, rule in (
        ({"cause": "retrieval_missed"}, "only_model_faults_and_likes: r-"),
        ({"prompt": ()}, "prompt_ends_with_the_user"),
        ({"chosen": None, "rejected": None}, "example_has_an_answer"),
        ({"chosen": " "}, "answer_is_not_blank"),
        ({"chosen": good[0].rejected}, "answers_differ"),
        ({"origin": "like"}, "answers_fit_the_origin"),
        ({"origin": "guess"}, "answers_fit_the_origin|origin_is_known"),
        ({"side": "test"}, "side_is_known"),
        ({"group": good[1].group, "side": "held_back"}, "question_is_on_one_side"),
        ({"request_id": good[1].request_id}, "request_makes_one_example"),
        ({"chosen": "x" * 1_000_001}, "texts_have_a_sane_length"),
    ):
        broken = replace(good[0], **change)  # type: ignore[arg-type]
        with pytest.raises(DatasetRefused, match=rule):
            check([broken, *good[1:]])
    with pytest.raises(DatasetRefused, match="example_id_is_unique"):
        check([*good, good[0]])


def test_golden_questions_are_kept_out(tmp_path: Path) -> None:
    golden = tmp_path / "golden.jsonl"
    golden.write_text('{"id": "g", "text": "WHO is responsible for Kubernetes in building 3"}\n')
    settings = configured(tmp_path, held_back=0)
    settings = settings.model_copy(
        update={"tuning": settings.tuning.model_copy(update={"golden": str(golden)})}
    )
    fill(lake_of(settings), faults(range(6)))
    assert build(settings, None, None)["dropped"] == {"golden_question": 1}
    assert "r-003" not in lake_of(settings).datasets.manifest()["trained_on"]


def test_the_bound_of_tokens() -> None:
    texts = ("", "a", "abc", "abcd", "да", "да нет", "😀")
    assert [bytes_bound(text) for text in texts] == [0, 1, 1, 2, 2, 6, 2]


def test_examples_are_measured_by_the_tokenizer_that_is_given(tmp_path: Path) -> None:
    settings = configured(tmp_path, held_back=0, max_tokens=64)
    fill(lake_of(settings), faults(range(4)))
    with pytest.raises(DatasetRefused, match="4 too_long"):
        build(settings, None, None, count_tokens=len)
    assert build(settings, None, None, count_tokens=lambda text: 1)["split"]["train"] == 4

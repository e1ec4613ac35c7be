from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from almanac.retrieval.golden import Golden, Verdict, answerable, compare, read_golden, recall_at
from schemas.errors import ConfigError

DAY = date(2026, 3, 15)


@pytest.fixture
def golden_file(tmp_path: Path):
    def write(*lines: str) -> str:
        file = tmp_path / "golden.jsonl"
        file.write_text("\n".join(lines), encoding="utf-8")
        return str(file)

    return write


def row(id: str, **fields: object) -> str:
    return json.dumps({"id": id, "text": f"Question {id}?"} | fields)


def test_rows_of_each_form(golden_file) -> None:
    file = golden_file(
        row("a", relevant=["x.md", "y.md", "x.md"]),
        "",
        row("b", doc_id="y.md"),
        row("c", path="z.md", lang="en"),
    )
    assert read_golden(file, DAY) == [
        Golden("a", "Question a?", ("x.md", "y.md")),
        Golden("b", "Question b?", ("y.md",)),
        Golden("c", "Question c?", ("z.md",)),
    ]


def test_a_question_holds_from_its_first_day_to_its_last(golden_file) -> None:
    file = golden_file(
        row("first", path="a", dates=[["2026-03-15", "2026-03-16"]]),
        row("last", path="a", dates=[["2026-01-01", "2026-01-02"], ["2026-03-01", "2026-03-15"]]),
        row("before", path="a", dates=[["2026-03-01", "2026-03-14"]]),
        row("after", path="a", dates=[["2026-03-16", "2026-03-17"]]),
        row("never", path="a", dates=[]),
        row("always", path="a"),
    )
    held = ["first", "last", "always"]
    assert [golden.id for golden in read_golden(file, DAY)] == held
    night = datetime(2026, 3, 15, 23, 59, tzinfo=UTC)
    assert [golden.id for golden in read_golden(file, night)] == held


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting property name"),
        ("[1]", "the row is no JSON object"),
        (row("b"), "one of relevant, doc_id, path is needed, found 0 of them"),
        (row("b", doc_id="x", path="x"), "found 2 of them"),
        (row("b", relevant=[]), r"relevant must name documents, found \[\]"),
        (row("b", relevant="x"), "relevant must name documents, found 'x'"),
        (row("b", path=7), "path must name documents, found 7"),
        (row("", path="x"), "id must be a text, found ''"),
        ('{"id": "b", "path": "x"}', "text must be a text, found None"),
        (row("b", path="x", dates=[["2026-01-01"]]), "not enough values"),
        (row("b", path="x", dates=[["2026-01-01", "March"]]), "Invalid isoformat string: 'March'"),
        (row("b", path="x", dates=7), "not iterable"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_row_that_is_none_names_its_line(golden_file, line: str, reason: str) -> None:
    file = golden_file(row("a", path="x"), "", line)
    with pytest.raises(ConfigError, match=f"golden.jsonl, line 3: no golden question: .*{reason}"):
        read_golden(file, DAY)


def test_bytes_that_are_no_text_name_their_line(tmp_path: Path) -> None:
    file = tmp_path / "golden.jsonl"
    file.write_bytes(row("a", path="x").encode() + b'\n{"id": "\xff"}')
    with pytest.raises(ConfigError, match="line 2: no golden question"):
        read_golden(str(file), DAY)


def test_an_id_stands_once_whatever_its_dates(golden_file) -> None:
    past = [["2020-01-01", "2020-01-02"]]
    file = golden_file(row("a", path="x", dates=past), row("b", path="x"), row("a", path="y"))
    with pytest.raises(ConfigError, match="line 3: the id 'a' stands in line 1 too"):
        read_golden(file, DAY)


def test_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.jsonl: the golden questions cannot be read"):
        read_golden(str(tmp_path / "none.jsonl"), DAY)


def test_the_known_items_of_the_shared_data(shared_data: Path) -> None:
    file = shared_data / "corpus_a_fastapi" / "known_items.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    held = [
        row["id"]
        for row in rows
        if any(first <= DAY.isoformat() <= last for first, last in row["dates"])
    ]
    assert 0 < len(held) < len(rows)
    assert [golden.id for golden in read_golden(str(file), DAY)] == held


def test_only_documents_of_the_release_count() -> None:
    golden = [Golden("a", "A?", ("x", "gone")), Golden("b", "B?", ("gone",))]
    assert answerable(golden, {"x", "y"}) == [Golden("a", "A?", ("x",))]


def test_recall_counts_hits_and_not_documents() -> None:
    golden = [
        Golden("both", "?", ("x", "y")),
        Golden("half", "?", ("x", "z")),
        Golden("crowded out", "?", ("z",)),
        Golden("nothing found", "?", ("x",)),
    ]
    found = [["y", "x", "z"], ["x", "y", "z"], ["x", "x", "z"], []]
    assert recall_at(found, golden, k=2).tolist() == [1.0, 0.5, 0.0, 0.0]
    assert recall_at(found, golden).tolist() == [1.0, 1.0, 1.0, 0.0]
    assert recall_at([], []).shape == (0,)


Recall = NDArray[np.float64]
recalls = st.lists(st.sampled_from([0.0, 1 / 3, 0.5, 1.0]), min_size=1, max_size=60).map(
    lambda values: np.array(values)
)


@given(recalls)
def test_the_same_answers_pass_at_any_margin(recall: Recall) -> None:
    verdict = compare(recall, recall.copy(), 0.0, resamples=200)
    assert (verdict.low, verdict.high, verdict.difference, verdict.passed) == (0.0, 0.0, 0.0, True)
    assert verdict.questions == recall.size


@given(recalls, st.randoms(use_true_random=False))
def test_the_order_of_the_questions_changes_nothing(recall: Recall, random) -> None:
    order = list(range(recall.size))
    random.shuffle(order)
    new = np.roll(recall, 1)
    first = compare(recall, new, 0.02, resamples=200)
    assert compare(recall[order], new[order], 0.02, resamples=200) == first


@given(recalls, st.floats(0.0, 0.5))
def test_a_better_index_passes_and_the_interval_holds_the_difference(
    recall: Recall, margin: float
) -> None:
    better = np.minimum(recall + 0.25, 1.0)
    verdict = compare(recall, better, margin, resamples=200)
    assert verdict.passed
    assert 0.0 <= verdict.low <= verdict.high <= 0.25
    reverse = compare(better, recall, margin, resamples=200)
    assert reverse.difference == -verdict.difference


def test_a_worse_index_fails() -> None:
    old = np.ones(200)
    new = np.ones(200)
    new[np.random.default_rng(1).permutation(200)[:20]] = 0.0
    verdict = compare(old, new, 0.02)
    assert (verdict.questions, verdict.old, verdict.new) == (200, 1.0, 0.9)
    assert verdict.difference == pytest.approx(-0.1)
    assert not verdict.passed
    # Of 200 draws that are -1 with probability 0.1 the sum is binomial: its points are 12 and 29.
    assert verdict.low == pytest.approx(-29 / 200, abs=0.0051)
    assert verdict.high == pytest.approx(-12 / 200, abs=0.0051)


def test_a_seed_repeats_the_verdict_and_another_moves_it_a_little() -> None:
    rng = np.random.default_rng(3)
    old, new = rng.random(300), rng.random(300)
    first = compare(old, new, 0.02)
    assert compare(old, new, 0.02) == first
    other = compare(old, new, 0.02, seed=1)
    assert (other.old, other.new, other.difference) == (first.old, first.new, first.difference)
    assert other.low != first.low
    assert other.low == pytest.approx(first.low, abs=0.003)


def test_the_interval_is_that_of_the_normal_distribution_where_there_are_many() -> None:
    new = np.random.default_rng(5).normal(0.0, 0.3, 5_000)
    verdict = compare(np.zeros(5_000), new, 0.02, resamples=4_000)
    half = 1.96 * new.std() / np.sqrt(new.size)
    assert verdict.low == pytest.approx(new.mean() - half, abs=0.0005)
    assert verdict.high == pytest.approx(new.mean() + half, abs=0.0005)


@pytest.mark.parametrize(
    ("loss", "margin", "passed"),
    [(0.1, 0.1, True), (0.1, 0.0999, False), (0.3, 0.3, True), (0.0, 0.0, True), (1e-6, 0, False)],
)
def test_a_loss_of_just_the_margin_passes(loss: float, margin: float, passed: bool) -> None:
    old = np.full(7, 0.8)
    assert compare(old, old - loss, margin).passed is passed


def test_few_questions_that_disagree_do_not_pass() -> None:
    verdict = compare(np.array([1.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0]), 0.02)
    assert (verdict.difference, verdict.low, verdict.high) == (0.0, -1.0, 1.0)
    assert not verdict.passed


def test_no_question_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="no golden question can be answered"):
        compare(np.array([]), np.array([]), 0.02)


def test_one_recall_a_question() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(np.ones(3), np.ones(1), 0.02)


def test_a_verdict_in_one_sentence() -> None:
    verdict = Verdict(40, 0.85, 0.825, -0.025, -0.1, 0.05, 0.02, False)
    assert verdict.sentence() == (
        "recall on 40 golden questions is 0.8250 and was 0.8500: a difference of -0.0250, 95 % "
        "interval -0.1000 to +0.0500, where -0.0200 is the least allowed: not passed"
    )
    assert "1 golden question is" in compare(np.ones(1), np.ones(1), 0.02).sentence()

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from almanac.embedding.batches import equal_length_batches


def test_each_batch_holds_one_length_within_the_tokens() -> None:
    batches = equal_length_batches([3, 5, 3, 3, 9, 5], at_most=9, at_least=1)
    assert list(batches) == [[0, 2, 3], [1], [5], [4]]


def test_a_text_above_the_tokens_runs_alone() -> None:
    assert list(equal_length_batches([20, 20], at_most=9, at_least=1)) == [[0], [1]]


def test_a_small_batch_is_filled_with_its_own_texts() -> None:
    batches = equal_length_batches([4, 4, 7, 20], at_most=40, at_least=16)
    assert list(batches) == [[0, 1, 0, 1], [2, 2, 2], [3]]


def test_a_batch_of_few_texts_is_filled() -> None:
    batches = equal_length_batches([20, 20], at_most=40, at_least=1, fewest=5)
    assert list(batches) == [[0, 1, 0, 1, 0]]


def test_no_texts_no_batches() -> None:
    assert list(equal_length_batches([], at_most=9, at_least=16)) == []


@given(st.lists(st.integers(1, 40)), st.integers(1, 100), st.integers(1, 64), st.integers(1, 9))
def test_every_position_is_there(
    lengths: list[int], at_most: int, at_least: int, fewest: int
) -> None:
    batches = list(equal_length_batches(lengths, at_most=at_most, at_least=at_least, fewest=fewest))
    assert {position for batch in batches for position in batch} == set(range(len(lengths)))
    for batch in batches:
        assert {lengths[position] for position in batch} == {lengths[batch[0]]}
        assert len(batch) >= fewest
        assert len(batch) * lengths[batch[0]] >= at_least
        assert len(set(batch)) == 1 or len(set(batch)) * lengths[batch[0]] <= at_most

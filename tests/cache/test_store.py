"""The file of kept answers: what goes, when, and that no byte is left of what was erased."""

from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from almanac.cache.store import AnswerStore, Kept
from schemas.errors import StorageUnavailable

ONE = Kept(
    "req-1", "partition", "text", "words", "Who approves travel?", "Ann does [1].",
    ("aa", "bb"), (("handbook", "travel.md"), ("handbook", "pay.md")), "ann",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> AnswerStore:
    return AnswerStore(tmp_path / "answers.sqlite", most=3)


def test_an_answer_is_found_after_a_restart_by_its_own_partition(store: AnswerStore) -> None:
    assert store.keep(ONE)
    store.close()
    again = AnswerStore(store.path)
    assert again.same_text("partition", "text") == ONE
    assert again.same_words("partition", "words") == [ONE]
    assert again.same_text("another", "text") is None
    assert again.same_text("partition", "words") is None
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_the_newest_answer_to_a_question_takes_its_place(store: AnswerStore) -> None:
    store.keep(ONE)
    newer = replace(ONE, request_id="req-2", answer="Bob does [1].")
    store.keep(newer)
    assert store.same_text("partition", "text") == newer
    assert store.figures()["gone"] == {"replaced": 1}


def test_those_go_that_were_not_given_for_the_longest_time(store: AnswerStore) -> None:
    for number in range(3):
        store.keep(replace(ONE, request_id=f"req-{number}", same_text=f"text {number}"))
    assert store.given(replace(ONE, request_id="req-0"), "req-a")
    store.keep(replace(ONE, request_id="req-3", same_text="text 3"))
    left = [at for at in range(4) if store.same_text("partition", f"text {at}")]
    assert left == [0, 2, 3]
    assert store.figures()["gone"] == {"crowded": 1}
    assert not store.given(replace(ONE, request_id="req-1"), "req-b")  # gone meanwhile


def test_a_dislike_reaches_the_answer_wherever_it_was_given(store: AnswerStore) -> None:
    store.keep(ONE)
    store.given(ONE, "req-2")
    assert sorted(store.requests()) == ["req-1", "req-2"]
    assert store.disliked("req-other") == 0
    assert store.disliked("req-2") == 1
    assert store.same_text("partition", "text") is None
    assert store.requests() == []


def test_a_disliked_answer_is_not_kept_again_until_its_passages_change(store: AnswerStore) -> None:
    store.keep(ONE)
    store.disliked("req-1")
    again = replace(ONE, request_id="req-2", shown=("bb", "aa"))
    assert not store.keep(again)
    assert store.keep(replace(again, shown=("aa", "cc")))
    assert store.keep(replace(ONE, request_id="req-3", same_text="another"))


def test_no_byte_is_left_of_what_is_erased(store: AnswerStore, tmp_path: Path) -> None:
    store.keep(ONE)
    store.keep(replace(ONE, request_id="req-2", same_text="other", user_id="bob"))
    assert store.forget(lambda one: one.user_id == "ann") == 1
    store.keep(replace(ONE, request_id="req-3", same_text="third", answer="Zacharias [1]."))
    key = ("handbook", "travel.md")
    assert store.forget(lambda one: key in one.documents) == 2
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for text in (b"req-1", b"approves travel", b"Zacharias", b"travel.md"):
        assert text not in written


def test_old_answers_go(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "answers.sqlite", days=1e-9)
    store.keep(ONE)
    assert store.tidy() == 1
    assert store.figures()["answers"] == 0


def test_a_file_that_is_none_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    path.write_text("no database " * 100)
    with pytest.raises(StorageUnavailable, match="remove the file: answers are made anew"):
        AnswerStore(path)


def test_a_file_of_another_format_is_emptied(store: AnswerStore) -> None:
    store.keep(ONE)
    store.close()
    with sqlite3.connect(store.path) as database:
        database.execute("PRAGMA user_version = 99")
    assert AnswerStore(store.path).figures()["answers"] == 0

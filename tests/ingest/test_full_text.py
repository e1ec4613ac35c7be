"""Full-text search of languages that write without blanks, and which tokenizer an index has."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import IndexSettings
from tests.releases.conftest import House

TEXTS = {
    "zh": "恢复向导可以恢复上周的备份,管理员每月检查一次。",
    "ja": "出張費の領収書は翌月十日までに提出してください。",
    "th": "พนักงานต้องขออนุญาตลาพักร้อนล่วงหน้าสองสัปดาห์",
    "en": "The wizard restores backups; every backup is tested by the administrators.",
}


@pytest.fixture
def empty(tmp_path: Path) -> House:
    return House(tmp_path)


def hits(house: House, question: str) -> list[str]:
    release = house.releases[0]
    return [hit.doc_id for hit in house.lake.read(release).text(question, 5)]


def test_words_within_a_sentence_are_found_and_english_keeps_its_stems(empty: House) -> None:
    for name, text in TEXTS.items():
        empty.put(name, text)
    assert empty.night(1).search["tokenizer"] == "icu"
    for question, name in (
        ("恢复向导", "zh"),
        ("管理员", "zh"),
        ("出張費", "ja"),
        ("領収書", "ja"),
        ("ลาพักร้อน", "th"),
        ("testing", "en"),
        ("restore", "en"),
    ):
        assert hits(empty, question) == [f"{name}.md"]


def test_korean_words_are_found_without_their_endings(empty: House) -> None:
    empty.put("ko", "휴가를 두 주 전에 신청합니다.")
    empty.put("ko2", "영수증은 다음 달 열흘까지 제출하세요.")
    assert empty.night(1).search["tokenizer"] == "ngram"
    assert hits(empty, "휴가")[0] == "ko.md"
    assert hits(empty, "영수증")[0] == "ko2.md"


def test_an_index_changes_its_tokenizer_only_when_such_a_text_comes(empty: House) -> None:
    empty.put("en", TEXTS["en"])
    assert "tokenizer" not in empty.night(1).search
    empty.put("more", "Another page about backups.")
    assert "tokenizer" not in empty.night(2).search
    empty.put("zh", TEXTS["zh"])
    assert empty.night(3).search["tokenizer"] == "icu"
    assert hits(empty, "恢复向导") == ["zh.md"]
    empty.remove("zh")
    assert empty.night(4).search["tokenizer"] == "icu"  # it stays, so that dates compare


def test_the_settings_decide_where_they_say_so(empty: House) -> None:
    empty.put("zh", TEXTS["zh"])
    empty.configure(index=IndexSettings(tokenizer="words"))
    assert "tokenizer" not in empty.night(1).search
    empty.configure(index=IndexSettings(tokenizer="ngram", rebuild_text_below_rows=0))
    empty.put("en", TEXTS["en"])
    assert empty.night(2).search["tokenizer"] == "ngram"
    assert hits(empty, "向导") == ["zh.md"]

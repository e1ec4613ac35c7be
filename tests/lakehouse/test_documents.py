from __future__ import annotations

from lakehouse import Lakehouse
from schemas.documents import Document


def document(doc_id: str, text: str) -> Document:
    return Document(doc_id, "Title", f"/{doc_id}", "text/markdown", text, f"hash of {text}", 7)


def contents(lake: Lakehouse, seq: int) -> dict[str, str]:
    return {key[1]: stored.content_hash for key, stored in lake.documents.state(seq).items()}


def test_a_snapshot_is_the_last_change_of_each_document_up_to_it(lake: Lakehouse) -> None:
    lake.documents.append(1, "r1", [("s", document("a", "one")), ("s", document("b", "two"))], [])
    lake.documents.append(2, "r2", [("s", document("a", "ONE"))], [("s", "b")])
    lake.documents.append(3, "r3", [("s", document("b", "two"))], [])
    assert contents(lake, 0) == {}
    assert contents(lake, 1) == {"a": "hash of one", "b": "hash of two"}
    assert contents(lake, 2) == {"a": "hash of ONE"}
    assert contents(lake, 3) == {"a": "hash of ONE", "b": "hash of two"}


def test_changes_that_no_release_names_are_discarded(lake: Lakehouse) -> None:
    lake.documents.append(1, "r1", [("s", document("a", "one"))], [])
    lake.documents.append(2, "killed", [("s", document("b", "two"))], [("s", "a")])
    assert lake.documents.discard_after(1) == 2
    assert contents(lake, 2) == {"a": "hash of one"}
    assert lake.documents.discard_after(1) == 0


def test_the_same_name_in_two_sources_is_two_documents(lake: Lakehouse) -> None:
    lake.documents.append(1, "r", [("s", document("a", "one")), ("t", document("a", "two"))], [])
    assert list(lake.documents.state(1)) == [("s", "a"), ("t", "a")]


def test_texts_come_once_by_hash_with_odd_characters_intact(lake: Lakehouse) -> None:
    odd = document('it\'s\n"odd".md', "naïve \u200b 😀 'quoted'")
    lake.documents.append(1, "r", [("s", odd), ("t", odd)], [])
    found = list(lake.documents.texts([odd.text_hash, "unknown"]))
    assert found == [(odd.text_hash, "Title", "text/markdown", odd.text)]


def test_a_name_without_its_folder_finds_what_may_be_meant(lake: Lakehouse) -> None:
    named = ["hr/Travel.md", "it/travel.md", "it/travel.md.bak", "sometravel.md"]
    lake.documents.append(1, "r", [("s", document(name, "one")) for name in named], [])
    assert lake.documents.named_like("travel.MD") == ["hr/Travel.md", "it/travel.md"]
    assert lake.documents.named_like("%") == lake.documents.named_like("") == []

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.errors import RunRefused, SourceUnavailable
from tests.embedding.server import Always, hashed, serving, status
from tests.flows.conftest import House

pytestmark = pytest.mark.slow

BACKUP = "# Backups\n\nThe nightly backup starts at two and writes to the second disk.\n"
MAIL = "# Mail\n\nOpen the settings of the phone and add the company's mail account.\n"
PRINTER = "# Printers\n\nThe printer on the third floor wants a badge before it prints.\n"
COUNTS = ("added", "modified", "deleted", "unchanged", "quarantined")


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return tuple(report["documents"][name] for name in COUNTS)


@pytest.fixture
def two_documents(house: House) -> House:
    house.put("backup.md", BACKUP)
    house.put("mail.md", MAIL)
    return house


def test_the_first_run_publishes_what_the_source_holds(two_documents: House) -> None:
    report = two_documents.nightly()
    assert report["published"]
    assert report["release"] == 1
    assert report["as_of"] == "2026-03-01T02:00:00Z"
    assert counts(report) == (2, 0, 0, 0, 0)
    assert report["chunks"] == {
        "total": 2,
        "added": 2,
        "removed": 0,
        "embedded": 2,
        "reused": 0,
        "shortened": [],
    }
    assert {doc_id for doc_id, _ in two_documents.index_rows()} == {"backup.md", "mail.md"}
    assert [row["status"] for row in two_documents.lake.runs.rows()] == ["published"]


def test_a_night_without_a_change_publishes_and_writes_nothing(two_documents: House) -> None:
    first = two_documents.nightly()
    second = two_documents.nightly()
    assert not second["published"]
    assert counts(second) == (0, 0, 0, 2, 0)
    assert (second["release"], second["index"]) == (1, first["index"])
    assert second["chunks"]["embedded"] == 0
    assert len(two_documents.lake.releases("documents").history()) == 1
    assert two_documents.lake.documents.state(2) == two_documents.lake.documents.state(1)


def test_only_what_changed_is_embedded(two_documents: House) -> None:
    two_documents.nightly()
    two_documents.put("mail.md", MAIL + "\n## Tablets\n\nTablets use the same account.\n")
    two_documents.put("new/printer.md", PRINTER)
    (two_documents.docs / "backup.md").unlink()
    report = two_documents.nightly()
    assert counts(report) == (1, 1, 1, 0, 0)
    assert report["chunks"] == {
        "total": 3,
        "added": 2,
        "removed": 1,
        "embedded": 2,
        "reused": 0,
        "shortened": [],
    }
    assert {doc_id for doc_id, _ in two_documents.index_rows()} == {"mail.md", "new/printer.md"}


def test_a_moved_file_is_not_embedded_again(two_documents: House) -> None:
    two_documents.nightly()
    (two_documents.docs / "archive").mkdir()
    (two_documents.docs / "mail.md").rename(two_documents.docs / "archive" / "mail.md")
    report = two_documents.nightly()
    assert counts(report) == (1, 0, 1, 1, 0)
    assert (report["chunks"]["embedded"], report["chunks"]["reused"]) == (0, 1)
    rows = two_documents.index_rows()
    assert {doc_id for doc_id, _ in rows} == {"backup.md", "archive/mail.md"}


def test_a_touched_file_is_read_and_nothing_else(two_documents: House) -> None:
    two_documents.nightly()
    (two_documents.docs / "mail.md").touch()
    assert counts(two_documents.nightly()) == (0, 0, 0, 2, 0)
    assert len(two_documents.lake.releases("documents").history()) == 1


def test_the_same_documents_have_the_same_digest_whatever_their_history(
    new_house: Callable[[str], House],
) -> None:
    grown, built = new_house("grown"), new_house("built")
    for path, text in (("a.md", BACKUP), ("b.md", MAIL + PRINTER), ("c.md", PRINTER)):
        grown.put(path, text)
        grown.nightly()
    grown.put("a.md", BACKUP + MAIL)
    last = grown.nightly()
    for path, text in (("c.md", PRINTER), ("a.md", BACKUP + MAIL), ("b.md", MAIL + PRINTER)):
        built.put(path, text)
    assert built.nightly()["index"]["digest"] == last["index"]["digest"]


def test_a_rejected_document_keeps_its_last_good_version(two_documents: House) -> None:
    two_documents.nightly()
    before = two_documents.index_rows()
    (two_documents.docs / "mail.md").write_bytes(b"\x00\x01\x02\xff" * 100)
    report = two_documents.nightly()
    assert counts(report) == (0, 0, 0, 1, 1)
    assert not report["published"]
    assert two_documents.index_rows() == before
    rejected = two_documents.lake.quarantine.rows()
    assert {(row.doc_id, row.severity, row.run_id) for row in rejected} == {
        ("mail.md", "must", report["run"])
    }
    again = two_documents.nightly()
    assert counts(again) == (0, 0, 0, 1, 1)
    assert two_documents.lake.quarantine.rows() == rejected
    two_documents.put("mail.md", MAIL + PRINTER)
    assert counts(two_documents.nightly()) == (0, 1, 0, 1, 0)
    assert two_documents.lake.quarantine.rows() == []


def test_a_table_with_a_broken_row_keeps_the_row_it_had(house: House) -> None:
    rows = [f'{{"id": {n}, "text": "Item {n} is on shelf number {n}."}}' for n in range(3)]
    house.put("items.jsonl", "\n".join(rows))
    assert counts(house.nightly()) == (3, 0, 0, 0, 0)
    house.put("items.jsonl", "\n".join([rows[0], '{"id": 1, "te', rows[2]]))
    report = house.nightly()
    assert counts(report) == (0, 0, 0, 2, 1)
    assert {doc_id for doc_id, _ in house.index_rows()} == {
        "items.jsonl#0",
        "items.jsonl#1",
        "items.jsonl#2",
    }
    house.put("items.jsonl", "\n".join([rows[0], rows[2]]))
    assert counts(house.nightly()) == (0, 0, 1, 2, 0)


def test_a_row_stays_as_long_as_its_line_is_broken(house: House) -> None:
    rows = [f'{{"id": {n}, "text": "Item {n} is on shelf number {n}."}}' for n in range(3)]
    table = house.docs / "items.jsonl"
    house.put("items.jsonl", "\n".join(rows))
    house.nightly(source=str(table))
    house.put("items.jsonl", "\n".join([rows[0], '{"id": 1, "te', rows[2]]))
    for _ in range(3):
        assert counts(house.nightly(source=str(table))) == (0, 0, 0, 2, 1)
    assert {doc_id for doc_id, _ in house.index_rows()} == {"0", "1", "2"}


def test_a_run_that_would_lose_too_much_stops_and_can_be_let_through(house: House) -> None:
    for number in range(12):
        house.put(f"{number}.md", f"# Note {number}\n\nThe text of note number {number}.\n")
    house.nightly()
    for number in range(6):
        (house.docs / f"{number}.md").unlink()
    with pytest.raises(RunRefused, match="6 of the 12 documents of the last release are gone"):
        house.nightly()
    assert len(house.index_rows()) == 12
    assert [row["status"] for row in house.lake.runs.rows()] == ["refused", "published"]
    report = house.nightly(accept_losses=True)
    assert counts(report) == (0, 0, 6, 6, 0)
    assert len(house.index_rows()) == 6


def test_a_time_before_the_newest_release_is_refused(two_documents: House) -> None:
    two_documents.nightly(5)
    two_documents.put("mail.md", PRINTER)
    with pytest.raises(RunRefused, match="earlier than the newest release, 1 of 2026-03-05"):
        two_documents.nightly(4)
    assert len(two_documents.lake.releases("documents").history()) == 1


def test_the_time_of_a_release_is_taken(two_documents: House) -> None:
    two_documents.nightly(5)
    two_documents.put("mail.md", PRINTER)
    report = two_documents.nightly(5)
    assert not report["published"]
    assert "Release 1 is already as of 2026-03-05T02:00:00Z" in report["message"]
    assert counts(two_documents.nightly(6)) == (0, 1, 0, 1, 0)


def test_a_source_that_is_gone_changes_nothing(two_documents: House) -> None:
    two_documents.nightly()
    two_documents.docs.rename(two_documents.docs.with_name("moved"))
    with pytest.raises(SourceUnavailable):
        two_documents.nightly()
    assert len(two_documents.index_rows()) == 2


def test_another_chunker_builds_beside_the_published_index(two_documents: House) -> None:
    first = two_documents.nightly()
    two_documents.configure("[chunker]\ntarget_tokens = 40\n")
    second = two_documents.nightly(accept_upgrade=True)
    assert second["published"]
    assert counts(second) == (0, 0, 0, 2, 0)
    assert second["index"]["table"] != first["index"]["table"]
    lake = two_documents.lake
    old, new = (
        lake.releases("documents").as_of(two_documents.at(1)),
        lake.releases("documents").as_of(),
    )
    assert (old.lance_table, new.lance_table) == (first["index"]["table"], second["index"]["table"])
    assert lake.read(old).text("badge mail", 5) != []


def test_what_a_killed_run_left_is_cleared(two_documents: House) -> None:
    from schemas.documents import Document

    two_documents.nightly()
    ghost = Document("ghost.md", "Ghost", "", "text/markdown", "never published", "0" * 64, 3)
    two_documents.lake.documents.append(2, "killed", [("documents", ghost)], [])
    two_documents.put("printer.md", PRINTER)
    report = two_documents.nightly()
    assert counts(report) == (1, 0, 0, 2, 0)
    assert {doc_id for doc_id, _ in two_documents.index_rows()} == {
        "backup.md",
        "mail.md",
        "printer.md",
    }


def test_a_text_that_the_endpoint_refuses_costs_its_document_alone(
    two_documents: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(request: dict[str, Any]) -> Any:
        poison = any("POISON" in text for text in request["input"])
        return status(400, text="content filter")(request) if poison else None

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with serving(hashed) as endpoint:
        endpoint.faults = Always(refuses)
        two_documents.configure(
            f'[embedder]\nprovider = "openai"\nmodel = "hash"\nbase_url = "{endpoint.url}"\n'
            "dimension = 32\n"
        )
        two_documents.put("bad.md", "# Bad\n\nThe word POISON stands here.\n")
        first = two_documents.nightly()
        second = two_documents.nightly()
    assert (first["published"], counts(first)) == (True, (2, 0, 0, 0, 1))
    assert (first["quarantine"]["rows"], first["quarantine"]["new"]) == (1, 1)
    assert first["quarantine"]["first"][0]["expectation"] == "document_can_be_embedded"
    assert (second["published"], counts(second)) == (False, (0, 0, 0, 2, 1))
    assert (second["quarantine"]["rows"], second["quarantine"]["new"]) == (1, 0)

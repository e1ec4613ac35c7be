"""A file that had text and has none now is a fault of its source, and no wish to delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.settings import SourceSettings
from tests.releases.conftest import House
from tests.sources.helpers import zipped

TABLE = b"id,title,text\n1,One,Open the door.\n2,Two,Close the door.\n"
DOCX = zipped(
    {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/'
        'content-types"><Override PartName="/word/document.xml" ContentType="application/vnd.'
        'openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships"><Relationship Id="r" Type="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/>'
        "</Relationships>",
        "word/document.xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/'
        'wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>Hello door</w:t></w:r></w:p>'
        "</w:body></w:document>",
    }
)


def parquet(rows: int) -> bytes:
    table = pa.table({"id": ["1", "2"][:rows], "text": ["Open the door.", "Close it."][:rows]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


KINDS: dict[str, tuple[str, bytes, bytes]] = {
    "a Markdown file": ("a.md", b"# Door\n\nOpen the door.\n", b""),
    "blanks only": ("a.txt", b"Open the door.", b" \n\t\xc2\xa0\n"),
    "a mark of UTF-8 only": ("a.txt", b"Open the door.", b"\xef\xbb\xbf"),
    "a page without its text": ("a.html", b"<p>Open the door.</p>", b"<html><body></body></html>"),
    "a document of an office": ("a.docx", DOCX, b""),
    "a table of 0 bytes": ("t.csv", TABLE, b""),
    "a table without rows": ("t.csv", TABLE, b"id,title,text\n"),
    "a JSONL of 0 bytes": ("t.jsonl", b'{"id": "1", "text": "Open the door."}\n', b""),
    "a Parquet file without rows": ("t.parquet", parquet(2), parquet(0)),
}


def state(house: House) -> set[str]:
    return {doc_id for _, doc_id in house.lake.documents.state(house.releases[0].snapshot_seq)}


@pytest.mark.parametrize("kind", KINDS)
def test_an_emptied_file_keeps_what_it_held(tmp_path: Path, kind: str) -> None:
    name, good, empty = KINDS[kind]
    house = House(tmp_path)
    (house.docs / name).write_bytes(good)
    (house.docs / "never.txt").write_bytes(b"")  # one that never held a text is nothing
    house.put("other", "The roof.")
    house.night(1)
    before = state(house)
    (house.docs / name).write_bytes(empty)
    for day in (2, 3):  # also when it is not read again
        house.put("other", f"The roof on day {day}.")
        house.night(day)
        assert state(house) == before
        rows = house.lake.quarantine.rows()
        assert [(row.doc_id, row.expectation) for row in rows] == [(name, "file_is_not_emptied")]
    assert rows[0].value == f"{len(empty):,} bytes"
    (house.docs / name).unlink()
    house.night(4)
    assert state(house) == {"other.md"}
    assert house.lake.quarantine.rows() == []


@pytest.mark.parametrize("mend", ["back", "new"])
def test_a_file_that_is_put_right_is_read_again(tmp_path: Path, mend: str) -> None:
    house = House(tmp_path)
    file = house.docs / "a.md"
    file.write_text("Open the door.", encoding="utf-8")
    house.night(1)
    file.write_text("", encoding="utf-8")
    house.put("other", "The roof.")
    house.night(2)
    file.write_text("Open the door." if mend == "back" else "Open the window.", encoding="utf-8")
    house.put("other", "The floor.")
    house.night(3)
    assert state(house) == {"a.md", "other.md"}
    assert house.lake.quarantine.rows() == []


def test_a_table_as_a_source_of_its_own(tmp_path: Path) -> None:
    house = House(tmp_path)
    table = tmp_path / "tickets.csv"
    table.write_bytes(TABLE)
    sources: Callable[[], dict[str, SourceSettings]] = lambda: {  # noqa: E731
        "documents": SourceSettings(uri=str(house.docs)),
        "tickets": SourceSettings(uri=str(table)),
    }
    house.configure(sources=sources())
    house.put("other", "The roof.")
    house.night(1)
    before = state(house)
    table.write_bytes(b"")
    house.put("other", "The floor.")
    house.night(2)
    assert state(house) == before == {"1", "2", "other.md"}
    rows = house.lake.quarantine.rows()
    assert [(row.source, row.doc_id) for row in rows] == [("tickets", "tickets.csv")]

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.documents import Document, Rejection
from schemas.hashing import canonical_json, sha256_text
from schemas.settings import Columns
from tests.sources.helpers import broken, ingest, write

GOOD = "id,title,text\n1,Backups,Starts at 02:00\n2,Restore,Use the wizard\n"


def table(
    tmp_path: Path, name: str, content: str | bytes, **columns: Any
) -> tuple[dict[str, Document], list[Rejection]]:
    write(tmp_path, {name: content})
    return ingest(tmp_path / name, columns=Columns(**columns))


def reasons(rejections: list[Rejection]) -> list[tuple[str, str, str]]:
    return [(r.doc_id, r.expectation, r.reason) for r in rejections]


def test_rows_are_documents_by_bare_id_or_under_their_file(tmp_path: Path) -> None:
    documents, rejections = table(tmp_path, "items.csv", GOOD)
    assert rejections == []
    assert list(documents) == ["1", "2"]
    stored = canonical_json(
        {"id": "1", "text": "Starts at 02:00", "title": "Backups", "metadata": {}}
    )
    assert documents["1"] == Document(
        doc_id="1",
        title="Backups",
        uri=f"{tmp_path}/items.csv#1",
        media_type="text/markdown",
        text="Starts at 02:00",
        content_hash=sha256_text(stored),
        size=len(stored),
        metadata={},
    )
    inside, _ = ingest(tmp_path)
    assert list(inside) == ["items.csv#1", "items.csv#2"]
    assert inside["items.csv#1"].content_hash == documents["1"].content_hash
    assert inside["items.csv#1"].title == "Backups"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    content = GOOD.replace(",", delimiter)
    documents, rejections = table(tmp_path, "a.tsv", f"\ufeff{content}".replace("\n", "\r\n"))
    assert [(d.doc_id, d.title, d.text) for d in documents.values()] == [
        ("1", "Backups", "Starts at 02:00"),
        ("2", "Restore", "Use the wizard"),
    ]
    assert rejections == []


def test_fields_hold_line_ends_quotes_and_any_length(tmp_path: Path) -> None:
    long = "word " * 60_000
    content = f'id,text\n1,"a\r\nb ""c"", d"\n\n2,"{long}"\n'
    documents, rejections = table(tmp_path, "a.csv", content)
    assert {d.doc_id: d.text for d in documents.values()} == {"1": 'a\nb "c", d', "2": long}
    assert rejections == []


def test_columns_are_chosen_joined_and_kept(tmp_path: Path) -> None:
    content = "lang,key,body,owner,note,\nen,a,Text,me,,\n"
    chosen = {"id": ("lang", "key"), "text": "body", "title": None}
    documents, _ = table(tmp_path, "a.csv", content, **chosen)
    assert documents["en/a"].metadata == {"owner": "me", "note": ""}
    assert documents["en/a"].title == "en/a"
    documents, _ = table(tmp_path, "a.csv", content, **chosen, metadata=("owner", "absent"))
    assert documents["en/a"].metadata == {"owner": "me"}


def test_unconfigured_columns_matter_only_as_metadata(tmp_path: Path) -> None:
    narrow = "id,text\n1,Text\n"
    wide = "id,text,extra\n1,Text,more\n"
    assert (
        table(tmp_path, "a.csv", narrow, metadata=())[0]["1"].content_hash
        == table(tmp_path, "b.csv", wide, metadata=())[0]["1"].content_hash
    )
    assert (
        table(tmp_path, "a.csv", narrow)[0]["1"].content_hash
        != table(tmp_path, "b.csv", wide)[0]["1"].content_hash
    )


def test_titles_fall_back_to_the_heading_then_to_the_id(tmp_path: Path) -> None:
    content = (
        '{"id": 1, "text": "# H\\n"}\n{"id": 2, "text": "t"}\n{"id": 3, "text": "t", "title": 7}\n'
    )
    documents, _ = table(tmp_path, "a.jsonl", content)
    assert {d.doc_id: d.title for d in documents.values()} == {"1": "H", "2": "2", "3": "7"}


def test_bad_rows_are_named_by_line_and_the_others_go_on(tmp_path: Path) -> None:
    content = 'id,title,text\n1,a\n2,b,text,more\n,c,text\n4,d,\n5,e,fine\n"6"x,f,g\n7,h,fine\n'
    documents, rejections = table(tmp_path, "a.csv", content)
    assert list(documents) == ["5", "7"]
    assert reasons(rejections) == [
        ("1", "row_matches_header", "line 2: it has 2 fields, the header 3"),
        ("2", "row_matches_header", "line 3: it has 4 fields, the header 3"),
        ("a.csv", "id_is_not_blank", "line 4: id is blank"),
        ("4", "text_is_not_blank", "line 5: text is blank"),
        ("a.csv", "row_is_valid", "line 7: it is no CSV: ',' expected after '\"'"),
    ]


def test_an_open_quote_is_reported_where_it_opens(tmp_path: Path) -> None:
    content = 'id,text\n1,fine\n2,"never closed\n3,swallowed\n'
    documents, rejections = table(tmp_path, "a.csv", content)
    assert list(documents) == ["1"]
    assert reasons(rejections) == [
        (
            "a.csv",
            "row_is_valid",
            "line 3: a quote opens here and never closes: the rest is swallowed",
        )
    ]


def test_one_id_with_several_contents_is_none_of_them(tmp_path: Path) -> None:
    content = "id,text\n1,first\n2,same\n1,second\n2,same\n3,good\n3,\n"
    documents, rejections = table(tmp_path, "a.csv", content)
    assert {d.doc_id: d.text for d in documents.values()} == {"2": "same"}
    assert reasons(rejections) == [
        ("3", "text_is_not_blank", "line 7: text is blank"),
        ("1", "id_is_unique", "line 2: rows with this id differ (line 2, line 4)"),
        ("1", "id_is_unique", "line 4: rows with this id differ (line 2, line 4)"),
        ("3", "id_is_unique", "line 6: rows with this id differ (line 6)"),
    ]


@pytest.mark.parametrize(
    ("header", "expectation"),
    [
        ("id,title", "column_is_present"),
        ("key,text", "column_is_present"),
        ("id,text,text", "columns_are_unique"),
    ],
)
def test_a_table_without_its_columns_is_refused_whole(
    tmp_path: Path, header: str, expectation: str
) -> None:
    write(tmp_path, {"bad.csv": f"{header}\n1,2,3\n", "good.csv": GOOD})
    documents, rejections = ingest(tmp_path)
    assert list(documents) == ["good.csv#1", "good.csv#2"]
    assert broken(rejections) == {("bad.csv", expectation, "must")}


def test_a_header_alone_is_nothing(tmp_path: Path) -> None:
    assert table(tmp_path, "a.csv", "id,title,text\n") == ({}, [])


@pytest.mark.parametrize(
    ("line", "doc_id", "expectation"),
    [
        ('{"id": "1", "text": "cut', "a.jsonl", "row_is_valid"),
        ('{"id": "1", "text": 5}', "1", "text_is_text"),
        ('{"id": "1", "text": null}', "1", "text_is_not_blank"),
        ('{"id": "1"}', "1", "text_is_not_blank"),
        ('{"id": null, "text": "t"}', "a.jsonl", "id_is_not_blank"),
        ('{"id": true, "text": "t"}', "a.jsonl", "id_is_text_or_number"),
        ('{"id": 1.5, "text": "t"}', "a.jsonl", "id_is_text_or_number"),
        ('{"id": ["1"], "text": "t"}', "a.jsonl", "id_is_text_or_number"),
        ('{"id": "a\\u0000b", "text": "t"}', "a.jsonl", "id_has_no_control_characters"),
        ('{"id": "1", "text": "t", "title": {}}', "1", "title_is_text"),
        ("[1, 2]", "a.jsonl", "row_is_valid"),
        ('"text"', "a.jsonl", "row_is_valid"),
        ("null", "a.jsonl", "row_is_valid"),
        ('{"id": "1", "text": "t", "text": "u"}', "a.jsonl", "row_is_valid"),
        (f'{{"id": "1", "text": "t", "n": {"9" * 5000}}}', "a.jsonl", "row_is_valid"),
        ("[" * 20_000 + "]" * 20_000, "a.jsonl", "row_is_valid"),
        (f'{{"id": "1", "text": "t", "n": {"[" * 99}{"]" * 99}}}', "1", "metadata_is_json"),
        ('{"id": "1", "text": "half \\ud83d"}', "1", "text_is_unicode"),
        ('{"id": "half \\ud83d", "text": "t"}', "a.jsonl", "text_is_unicode"),
        ('{"id": "1", "text": "t", "half \\ud83d": 1}', "1", "metadata_is_json"),
    ],
)
def test_bad_lines_cost_themselves_alone(
    tmp_path: Path, line: str, doc_id: str, expectation: str
) -> None:
    good = ['{"id": "first", "text": "t"}', '{"id": "last", "text": "t"}']
    documents, rejections = table(tmp_path, "a.jsonl", "\n".join([good[0], line, good[1]]))
    assert list(documents) == ["first", "last"]
    assert broken(rejections) == {(doc_id, expectation, "must")}
    assert rejections[0].reason.startswith("line 2: ")
    json.dumps(rejections[0].value, ensure_ascii=False).encode()


def test_values_without_json_are_kept_as_null_and_big_numbers_whole(tmp_path: Path) -> None:
    line = f'{{"id": 7, "text": "a\\u0000b", "x": [NaN, Infinity, 1e999], "n": {10**30}}}'
    documents, rejections = table(tmp_path, "a.ndjson", line)
    assert documents["7"].text == "a b"
    assert documents["7"].metadata == {"x": [None, None, None], "n": 10**30}
    assert broken(rejections) == {("7", "text_has_no_control_characters", "should")}


def test_a_line_separator_does_not_end_a_json_line(tmp_path: Path) -> None:
    documents, rejections = table(tmp_path, "a.jsonl", '{"id": "1", "text": "a\u2028b\u0085c"}\r\n')
    assert [d.text for d in documents.values()] == ["a\u2028b c"]
    assert {r.severity for r in rejections} == {"should"}


def test_a_json_array_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": '[{"id": "1", "text": "t"}, 2]', "b.json": '{"id": "1"}'})
    _, rejections = ingest(tmp_path)
    assert broken(rejections) == {
        ("a.json", "file_is_included", "should"),
        ("b.json", "file_is_included", "should"),
    }
    documents, rejections = ingest(tmp_path, include=("*.json",))
    assert list(documents) == ["a.json#1"]
    assert broken(rejections) == {
        ("a.json", "row_is_valid", "must"),
        ("b.json", "file_is_valid", "must"),
    }


@pytest.mark.parametrize(
    "content", [GOOD, '{"id": "1", "text": "t"}', ' [{"id": "1", "text": "t"}]', "parquet"]
)
def test_a_table_is_known_by_its_content_where_its_name_is_silent(
    tmp_path: Path, content: str
) -> None:
    data: str | bytes = content
    if content == "parquet":
        pq.write_table(pa.table({"id": ["1"], "text": ["t"]}), tmp_path / "made")
        data = (tmp_path / "made").read_bytes()
    documents, rejections = ingest(write(tmp_path, {"export": data}) / "export", kind="table")
    assert "1" in documents
    assert rejections == []


def test_parquet_rows_with_their_types(tmp_path: Path) -> None:
    rows = pa.table(
        {
            "id": pa.array([1, 2, 3], pa.int64()),
            "text": ["one", None, "three"],
            "title": [None, "b", "T"],
            "when": [datetime(2024, 1, 2, 3, tzinfo=UTC)] * 3,
            "price": [Decimal("1.50")] * 3,
            "score": [float("nan"), 1.0, 2.5],
            "tags": [["a"], [], None],
            "blob": [b"\xff", b"", None],
        }
    )
    pq.write_table(rows, tmp_path / "a.parquet")
    documents, rejections = ingest(tmp_path / "a.parquet")
    assert list(documents) == ["1", "3"]
    assert documents["1"].metadata == {
        "when": "2024-01-02T03:00:00+00:00",
        "price": "1.50",
        "score": None,
        "tags": ["a"],
        "blob": "/w==",
    }
    assert (documents["1"].title, documents["3"].title) == ("1", "T")
    assert reasons(rejections) == [("2", "text_is_not_blank", "row 2: text is blank")]

    chosen, _ = ingest(tmp_path / "a.parquet", columns=Columns(metadata=("tags",)))
    assert chosen["3"].metadata == {"tags": None}


def test_whole_numbers_that_pandas_made_floats_are_the_same_ids(tmp_path: Path) -> None:
    rows = pa.table({"id": [1.0, None, 2.5], "text": ["a", "b", "c"]})
    pq.write_table(rows, tmp_path / "a.parquet")
    documents, rejections = ingest(tmp_path / "a.parquet")
    assert list(documents) == ["1"]
    assert broken(rejections) == {
        ("a.parquet", "id_is_not_blank", "must"),
        ("a.parquet", "id_is_text_or_number", "must"),
    }


def test_broken_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"] * 1000, "text": ["t"] * 1000}), tmp_path / "good.parquet")
    good = (tmp_path / "good.parquet").read_bytes()
    same = pa.Table.from_arrays([pa.array(["1"])] * 3, names=["id", "text", "text"])
    pq.write_table(same, tmp_path / "twice.parquet")
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "narrow.parquet")
    write(tmp_path, {"cut.parquet": good[:-20], "text.parquet": "text", "none.parquet": b"PAR1"})
    documents, rejections = ingest(tmp_path, columns=Columns())
    assert list(documents) == ["good.parquet#1"]
    assert broken(rejections) == {
        ("cut.parquet", "parquet_is_readable", "must"),
        ("narrow.parquet", "column_is_present", "must"),
        ("none.parquet", "parquet_is_readable", "must"),
        ("text.parquet", "parquet_is_readable", "must"),
        ("twice.parquet", "columns_are_unique", "must"),
    }

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from almanac.sources.identity import reader_fingerprint
from almanac.sources.reading import list_source, read_files
from schemas.settings import Columns, SourceSettings
from tests.sources.helpers import ingest

KIS = Columns(id=("ki_topic",), text="ki_text", title="ki_topic", metadata=())


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"uri": "elsewhere"}, True),
        ({"storage_options": {"key": "other"}}, True),
        ({"include": ("**/*.md",)}, False),
        ({"exclude": ("drafts",)}, False),
        ({"max_bytes": 1}, False),
        ({"parse_timeout_seconds": 1.0}, False),
        ({"columns": Columns(text="body")}, False),
        ({"kind": "table"}, False),
        ({"uri": "items.csv"}, False),
        ({"uri": "items.csv", "kind": "folder"}, True),
    ],
)
def test_the_fingerprint_names_what_decides_a_reading(change: dict[str, Any], same: bool) -> None:
    before = reader_fingerprint(SourceSettings(uri="docs"))
    assert len(before) == 16
    assert (reader_fingerprint(SourceSettings(**{"uri": "docs", **change})) == before) is same


@pytest.mark.parametrize("date", ["2024-07-31", "2026-02-28"])
def test_every_file_of_the_corpus_is_one_document(
    shared_data: Path, tmp_path: Path, date: str
) -> None:
    script = shared_data / "materialise.py"
    corpus = shared_data / "corpus_a_fastapi"
    target = tmp_path / "docs"
    subprocess.run(
        [sys.executable, script, corpus, date, target], check=True, stdout=subprocess.DEVNULL
    )
    files = {str(file.relative_to(target)): file for file in target.rglob("*") if file.is_file()}
    documents, rejections = ingest(target)
    assert {doc_id: document.content_hash for doc_id, document in documents.items()} == {
        path: hashlib.sha256(file.read_bytes()).hexdigest() for path, file in files.items()
    }
    assert len(files) > 190
    assert rejections == []
    assert documents["en/docs/tutorial/first-steps.md"].title == "First Steps"


def test_published_tables_read_the_same_under_every_name(shared_data: Path) -> None:
    raw = shared_data / "retrieval" / "kis" / "raw"
    hashes = []
    for name in sorted(raw.glob("synthetic_knowledge_items.*.csv")):
        documents, rejections = ingest(name, columns=KIS)
        assert len(documents) == 96
        assert [r.expectation for r in rejections] == ["id_is_unique"] * 4
        assert len({r.doc_id for r in rejections}) == 2
        assert not {r.doc_id for r in rejections} & documents.keys()
        hashes.append({doc_id: d.content_hash for doc_id, d in documents.items()})
    assert len(hashes) == 3
    title = "Setting Up a Mobile Device for Company Email"
    assert documents[title].title == title
    assert documents[title].text.startswith("**Setting Up a Mobile Device for Company Email**\n\n")
    assert hashes[0] == hashes[1] == hashes[2]


@pytest.mark.slow
def test_ten_thousand_files_are_ten_thousand_documents(shared_data: Path, tmp_path: Path) -> None:
    script = shared_data / "large" / "lay_out.py"
    subprocess.run(
        [sys.executable, script, "10000", tmp_path / "docs", "--max-chars", "1500"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    source = SourceSettings(uri=str(tmp_path / "docs"), include=("*.md", "*.rst"))
    files = list_source(source).files
    documents = [one.doc_id for reading in read_files(source, files) for one in reading.documents]
    assert (len(files), len(set(documents)), len(documents)) == (10_000, 10_000, 10_000)

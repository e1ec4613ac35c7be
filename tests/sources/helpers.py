"""Short ways to list and read a source."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from almanac.sources.reading import list_source, read_files
from schemas.documents import Document, Rejection
from schemas.settings import SourceSettings


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def ingest(uri: str | Path, **settings: Any) -> tuple[dict[str, Document], list[Rejection]]:
    """All documents by id, and all rejections, of listing and reading."""
    source = SourceSettings(uri=str(uri), **settings)
    listing = list_source(source)
    documents: dict[str, Document] = {}
    rejections = list(listing.rejections)
    for reading in read_files(source, listing.files):
        for document in reading.documents:
            assert document.doc_id not in documents
            documents[document.doc_id] = document
        rejections.extend(reading.rejections)
    return documents, rejections


def broken(rejections: list[Rejection]) -> set[tuple[str, str, str]]:
    return {(r.doc_id, r.expectation, r.severity) for r in rejections}


def zipped(members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)
OPEN = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("text", "style", "office", "draw", "form", "table")
)


def read(folder: Path, name: str, data: str | bytes, **settings: Any) -> Document:
    documents, _ = ingest(write(folder, {name: data}), **settings)
    assert list(documents) == [name]
    return documents[name]


def lost(folder: Path) -> dict[str, str]:
    """What was not carried over, by document."""
    _, rejections = ingest(folder)
    return {r.doc_id: r.reason for r in rejections if r.expectation == "document_is_complete"}


def saved(thing: Any) -> bytes:
    data = io.BytesIO()
    thing.save(data)
    return data.getvalue()

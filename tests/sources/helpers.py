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

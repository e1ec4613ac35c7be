"""A real lakehouse in a temporary folder, and toy rows for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.releases import Release
from lakehouse.rows import EMPTY_DIGEST, chunk_id, row_hash, updated_digest
from schemas.hashing import sha256_text
from schemas.tables.releases import index_schema

DIMENSION = 16
SEARCH = {
    "vector": "exact",
    "text": "rebuilt",
    "language": "English",
    "nprobes": 20,
    "refine_factor": 10,
}


@pytest.fixture
def lake(tmp_path: Path) -> Lakehouse:
    return open_lakehouse(str(tmp_path / "lake"))


def rows_of(texts: dict[str, str], seed: int = 0) -> pa.Table:
    """Index rows of one-chunk documents, {doc_id: text}; the vector depends on text and seed."""
    entries = []
    for doc_id, text in texts.items():
        text_hash = sha256_text(text)
        vector = np.random.default_rng([seed, int(text_hash[:8], 16)]).normal(size=DIMENSION)
        chunk = chunk_id("docs", doc_id, "", text_hash, 0)
        entries.append(
            {
                "chunk_id": chunk,
                "source": "docs",
                "doc_id": doc_id,
                "heading": "",
                "text": text,
                "text_hash": text_hash,
                "row_hash": row_hash(chunk, text_hash, vector.astype("<f4").tobytes()),
                "vector": vector.astype("<f4"),
            }
        )
    return pa.Table.from_pylist(entries, index_schema(DIMENSION))


@pytest.fixture
def release_of() -> Callable[..., Release]:
    """Make a release row with everything but what a test is about filled in."""

    def make(seq: int, day: int = 1, **given: object) -> Release:
        values: dict[str, object] = {
            "seq": seq,
            "index": "documents",
            "kind": "publish",
            "logical_time": datetime(2026, 3, day, 2, tzinfo=UTC),
            "published_at": datetime(2026, 3, day, 2, 5, tzinfo=UTC),
            "run_id": f"run-{seq}",
            "snapshot_seq": seq,
            "documents": 0,
            "rows": 0,
            "digest": EMPTY_DIGEST,
            "chunker": "toy",
            "embedder": "0" * 16,
            "embedder_identity": {"model": "toy"},
            "lance_table": "documents-toy",
            "lance_version": 1,
            "lance_tag": f"r{seq:08d}",
            "search": SEARCH,
            "made_by": {"code": "test"},
        }
        return Release(**(values | given))  # type: ignore[arg-type]

    return make


def digest_of(rows: pa.Table) -> str:
    return updated_digest(EMPTY_DIGEST, rows["row_hash"].to_pylist(), [])

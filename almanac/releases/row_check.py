"""The rows of a release, one by one against the snapshot it was made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from almanac.core.file_check import BACKUP, HEAL, Attempt
from lakehouse import Lakehouse
from lakehouse.audit import hashes
from lakehouse.expected_rows import passage_ids
from lakehouse.releases import Release
from lakehouse.rows import row_hash
from schemas.hashing import sha256_text
from schemas.report import Finding


def check_rows(lake: Lakehouse, release: Release) -> Iterator[Finding]:
    """What differs between the rows that readers of an open release get and its snapshot.

    Rows that can't be read for damaged files are left to the check of the files.
    """
    expected = _Expected(lake, release)
    yield from expected.gaps()
    with Attempt() as attempt:
        reader = lake.read(release)
        covered, has_vectors = reader.coverage(), reader.has_index("vector")
        yield from [finding for batch in reader.scan() for finding in expected.compare(batch)]
    if attempt.failed:
        return
    yield from expected.missing()
    where = f"release {release.seq}"
    if covered.unindexed_text_rows:
        said = f"{covered.unindexed_text_rows} rows are not in the full-text index"
        yield Finding("uncovered_text", where, said, HEAL, release.seq)
    outside = covered.unindexed_vector_rows if has_vectors else covered.rows
    if release.search["vector"] == "ann" and outside:
        said = f"{outside} rows are not in the vector index"
        yield Finding("uncovered_vectors", where, said, HEAL, release.seq)


class _Expected:
    """What the snapshot asks of the index, in memory by hash: some 300 bytes a row."""

    def __init__(self, lake: Lakehouse, release: Release) -> None:
        self._release = release
        self._vectors = lake.vectors
        self._rows: dict[str, bytes | None] = {}
        self._texts: dict[str, str] = {}
        self._found: set[str] = set()
        for batch in lake.as_of(release.seq, release.index).passages():
            texts, vectors = batch["text_hash"].to_pylist(), batch["vector"].to_pylist()
            for chunk, text, vector in zip(passage_ids(batch), texts, vectors, strict=True):
                self._texts[chunk] = text
                self._rows[chunk] = row_hash(chunk, text, vector) if vector is not None else None

    def gaps(self) -> Iterator[Finding]:
        """What Delta itself lacks."""
        texts = {self._texts[chunk] for chunk, row in self._rows.items() if row is None}
        for text in sorted(texts):
            yield self._finding("missing_vector", text, "this text has no stored vector")
        if len(self._rows) != self._release.rows:
            said = f"Delta gives {len(self._rows)} passages, sealed were {self._release.rows}"
            where = f"release {self._release.seq}"
            yield Finding("other_snapshot", where, said, BACKUP, self._release.seq)

    def compare(self, batch: pa.RecordBatch) -> Iterator[Finding]:
        """Findings of rows as the index has them."""
        valid = batch["vector"].is_valid()
        for chunk in batch.filter(pc.invert(valid))["chunk_id"].to_pylist():
            self._found.add(chunk)
            yield self._finding("bad_vector", chunk, "has no vector")
        whole = batch.filter(valid)
        columns = (whole["chunk_id"].to_pylist(), hashes(whole), whole["row_hash"].to_pylist())
        for at, (chunk, actual, stored) in enumerate(zip(*columns, strict=True)):
            if chunk in self._found:
                yield self._finding("doubled_row", chunk, "stands in the index twice")
            elif chunk not in self._rows:
                yield self._finding("extra_row", chunk, "is in no snapshot")
            elif self._rows[chunk] not in (None, actual):
                yield self._wrong(chunk, whole.slice(at, 1))
            elif actual != stored:
                yield self._finding("wrong_hash", chunk, "its row hash is not that of the row")
            self._found.add(chunk)

    def missing(self) -> Iterator[Finding]:
        """Rows that the index lacks."""
        for chunk in sorted(self._rows.keys() - self._found):
            yield self._finding("missing_row", chunk, "the index lacks this passage")

    def _wrong(self, chunk: str, row: pa.RecordBatch) -> Finding:
        values = row.to_pylist()[0]
        text_hash = self._texts[chunk]
        if sha256_text(values["text"]) != text_hash or values["text_hash"] != text_hash:
            return self._finding("wrong_text", chunk, "its text is not the snapshot's")
        vector = np.asarray(values["vector"], "<f4").tobytes()
        if other := self._of_another_model(text_hash, vector):
            return self._finding("wrong_embedder", chunk, f"its vector is of embedder {other}")
        return self._finding("bad_vector", chunk, "its vector is not the stored one")

    def _of_another_model(self, text_hash: str, vector: bytes) -> str | None:
        own = self._release.embedder
        same = self._vectors.embedders_of(text_hash, vector)
        return next((embedder for embedder in same if embedder != own), None)

    def _finding(self, kind: str, where: str, said: str) -> Finding:
        return Finding(kind, where, said, HEAL, self._release.seq)

"""Lakehouses of any size from made-up documents and vectors, written by the project's own stages.

Reading, chunking and embedding are left out: documents, chunks and vectors are appended to Delta as
those stages would, and everything from there on (index, seal, release) is the project's own code.
Vectors lie in clusters, as those of texts do; everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from almanac.ingest.index import Recipe, bring, cover, search_settings
from almanac.ingest.snapshot import IndexChange, base_for
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.index import release_tag, table_name
from lakehouse.placements import publish
from lakehouse.releases import DraftRelease, Release
from schemas.encoder import EmbedderIdentity
from schemas.hashing import sha256_text
from schemas.settings import IndexSettings, Settings

FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)
INDEX, SOURCE, CHUNKER = "documents", "made-up", "made-up-chunker"
_CLUSTERS = 1_000
_DOCUMENTS_AT_ONCE = 5_000
_WORDS = np.array(
    [
        first + last
        for first in ("ka", "lo", "mi", "nu", "re", "so", "ta", "vu")
        for last in ("ba", "de", "fi", "go", "hu", "ja", "ke", "li")
    ]
)


class Synthetic:
    """One lakehouse that grows by nights. Document `n` in version `v` always has the same text."""

    def __init__(
        self,
        folder: Path,
        chunks: int = 5,
        dimension: int = 384,
        seed: int = 1,
        index: IndexSettings | None = None,
    ) -> None:
        self.lake: Lakehouse = open_lakehouse(str(folder))
        self.settings = Settings(lakehouse=str(folder), index=index or IndexSettings())
        self.releases = self.lake.releases(INDEX)
        self._chunks = chunks
        self._seed = seed
        self.identity = EmbedderIdentity(
            "local", "made-up", str(seed), dimension, "float32", True, "", "", 256
        )
        self._recipe = Recipe(CHUNKER, self.identity.key, dimension)
        generator = np.random.default_rng(seed)
        self._centers = generator.normal(size=(_CLUSTERS, dimension)).astype(np.float32)
        self.versions: dict[int, int] = {}

    def first(self, documents: int) -> Release:
        """The first night."""
        return self.night(0, range(documents), ())

    def change(self, night: int, share: float) -> Release:
        """A night that edits this share of the documents, drops half as many and adds as many."""
        count = max(2, round(len(self.versions) * share))
        drawn = np.random.default_rng([self._seed, night])
        known = np.array(sorted(self.versions))
        picked = drawn.choice(known, size=count + count // 2, replace=False).tolist()
        edited, dropped = picked[:count], picked[count:]
        fresh = range(int(known[-1]) + 1, int(known[-1]) + 1 + len(dropped))
        return self.night(night, [*edited, *fresh], dropped)

    def night(self, night: int, puts: Sequence[int], deletes: Sequence[int]) -> Release:
        """Store the documents with the next version each, and publish the release of that night."""
        seq = self.releases.last_snapshot() + 1
        for start in range(0, len(puts), _DOCUMENTS_AT_ONCE):
            self._store(seq, puts[start : start + _DOCUMENTS_AT_ONCE])
        gone = [
            {
                "source": SOURCE,
                "doc_id": _name(one),
                "seq": seq,
                "op": "delete",
                "run_id": f"night-{night}",
            }
            for one in deletes
        ]
        self.lake.delta("document_changes").append(gone)
        for one in deletes:
            del self.versions[one]
        return self._publish(night, seq)

    def queries(self, count: int, seed: int = 7) -> NDArray[np.float32]:
        """Query vectors, shape (count, dimension), near what the index holds."""
        return self._vectors(np.random.default_rng([self._seed, seed]), count)

    def words(self, count: int, seed: int = 7) -> list[str]:
        """Questions of three words."""
        generator = np.random.default_rng([self._seed, seed])
        return [" ".join(row) for row in generator.choice(_WORDS, size=(count, 3))]

    def _store(self, seq: int, documents: Sequence[int]) -> None:
        rows, chunks, texts, vectors = [], [], [], []
        for one in documents:
            before = self.versions.get(one, -1)
            self.versions[one] = before + 1
            passages = [self._passage(one, at, before + 1) for at in range(self._chunks)]
            text = "\n\n".join(passages)
            document_hash = sha256_text(text)
            rows.append(_change(one, seq, text, document_hash))
            for ordinal, passage in enumerate(passages):
                text_hash = sha256_text(passage)
                chunks.append(_chunk(document_hash, ordinal, passage, text_hash))
                if before < 0 or self._edits(ordinal, before) != self._edits(ordinal, before + 1):
                    texts.append(text_hash)
                    drawn = np.random.default_rng([self._seed, int(text_hash[:15], 16)])
                    vectors.append(self._vectors(drawn, 1))
        self.lake.delta("document_changes").append(rows)
        self.lake.delta("chunks").append(chunks)
        self.lake.vectors.append(self.identity.key, texts, np.concatenate(vectors))

    def _edits(self, ordinal: int, version: int) -> int:
        """An edit changes one passage of a document in turn, and leaves the others."""
        return (version + self._chunks - 1 - ordinal) // self._chunks

    def _passage(self, document: int, ordinal: int, version: int) -> str:
        edits = self._edits(ordinal, version)
        drawn = np.random.default_rng([self._seed, document, ordinal, edits])
        words = " ".join(drawn.choice(_WORDS, size=40))
        return f"Document {document}, part {ordinal}, state {edits}: {words}."

    def _vectors(self, generator: np.random.Generator, count: int) -> NDArray[np.float32]:
        centers = self._centers[generator.integers(0, _CLUSTERS, count)]
        noise = generator.normal(scale=0.6, size=centers.shape).astype(np.float32)
        vectors = centers + noise
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def _publish(self, night: int, snapshot: int) -> Release:
        history = self.releases.history()
        base = base_for(history, CHUNKER, self.identity.key)
        before = self.lake.documents.state(base.snapshot_seq) if base else {}
        change = IndexChange(snapshot, base, before, self.lake.documents.state(snapshot))
        table = base.lance_table if base else table_name(INDEX, self.identity.key, CHUNKER)
        writer = self.lake.write(table, self.identity.dimension)
        written = bring(self.lake, writer, change, self._recipe, [one.lance_tag for one in history])
        cover(written, lambda rows: search_settings(self.settings.index, rows, base))
        seq = self.releases.next_seq()
        draft = DraftRelease(
            seq=seq,
            index=INDEX,
            kind="publish",
            logical_time=FIRST + timedelta(days=night),
            run_id=f"night-{night}",
            snapshot_seq=snapshot,
            documents=len(change.after),
            rows=written.rows,
            digest=written.digest,
            chunker=CHUNKER,
            embedder=self.identity.key,
            embedder_identity=asdict(self.identity),
            lance_table=table,
            lance_version=writer.tag(release_tag(seq)),
            lance_tag=release_tag(seq),
            search=written.search,
            made_by={"code": "benchmark"},
        )
        return publish(
            self.lake,
            draft,
            lambda: None,
            at=FIRST + timedelta(days=night),
            cause="published",
        )


def _name(document: int) -> str:
    return f"{document:08d}.md"


def _change(document: int, seq: int, text: str, document_hash: str) -> dict[str, object]:
    return {
        "source": SOURCE,
        "doc_id": _name(document),
        "seq": seq,
        "op": "put",
        "run_id": "made-up",
        "content_hash": sha256_text(text),
        "document_hash": document_hash,
        "title": f"Document {document}",
        "uri": _name(document),
        "media_type": "text/markdown",
        "bytes": len(text),
        "characters": len(text),
        "metadata": "{}",
        "text": text,
    }


def _chunk(document_hash: str, ordinal: int, text: str, text_hash: str) -> dict[str, object]:
    return {
        "document_hash": document_hash,
        "chunker": CHUNKER,
        "ordinal": ordinal,
        "heading": "",
        "text": text,
        "text_hash": text_hash,
        "start": 0,
        "end": len(text),
        "tokens": 40,
    }

"""The log of document changes and the state it adds up to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.delta import DeltaLog
from schemas.documents import Document
from schemas.tables.documents import DOCUMENT_CHANGES

Key = tuple[str, str]  # (source, doc_id)
_ROWS = 500  # in memory at a time, with their texts

_STATE = """
    SELECT {columns} FROM (
        SELECT *, row_number() OVER (PARTITION BY source, doc_id ORDER BY seq DESC) AS newest
        FROM (SELECT seq, op, {columns} FROM log WHERE seq <= {seq})
    ) WHERE newest = 1 AND op = 'put' ORDER BY source, doc_id
"""
_CHANGES = """
    SELECT *, count(*) OVER () AS total FROM (
        SELECT source, doc_id, seq, op, content_hash, document_hash, title, run_id,
            lag(op) OVER (PARTITION BY source, doc_id ORDER BY seq) AS before
        FROM log {only}
    ) WHERE seq > {after} AND seq <= {until} ORDER BY seq, source, doc_id
"""
_LAST_CHANGES = """
    SELECT source, doc_id, max(seq) AS last FROM log WHERE seq > {after} AND seq <= {until}
    GROUP BY source, doc_id ORDER BY source, doc_id
"""
_STATE_COLUMNS = (
    "source",
    "doc_id",
    "content_hash",
    "document_hash",
    "title",
    "uri",
    "media_type",
    "bytes",
    "characters",
)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """What a snapshot knows of one document, its text left out. `bytes` as the source held it."""

    source: str
    doc_id: str
    content_hash: str
    document_hash: str
    title: str
    uri: str
    media_type: str
    bytes: int
    characters: int

    @property
    def key(self) -> Key:
        """What identifies a document in a lakehouse."""
        return (self.source, self.doc_id)


class DocumentLog:
    """`document_changes`: what changed in which snapshot."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def state(self, seq: int) -> dict[Key, StoredDocument]:
        """Documents of snapshot `seq` in key order."""
        if seq < 1:
            return {}
        sql = _STATE.format(columns=", ".join(_STATE_COLUMNS), seq=int(seq))
        rows = self._log.query(sql).to_pylist()
        return {stored.key: stored for stored in (StoredDocument(**row) for row in rows)}

    def metadata(self, seq: int) -> dict[Key, dict[str, Any]]:
        """What the sources said of the documents of snapshot `seq` besides, by key."""
        if seq < 1:
            return {}
        sql = _STATE.format(columns="source, doc_id, metadata", seq=int(seq))
        rows = self._log.query(sql).to_pylist()
        return {(row["source"], row["doc_id"]): json.loads(row["metadata"] or "{}") for row in rows}

    def texts(self, document_hashes: Iterable[str]) -> Iterator[tuple[str, str, str, str]]:
        """(document_hash, title, media_type, text) of each hash that is known, once.

        One pass over the log, a part of it in memory at a time, in the order of storage.
        """
        missing = set(document_hashes)
        wanted = pa.array(sorted(missing), pa.string())
        columns = ["document_hash", "title", "media_type", "text"]
        put = pc.field("op") == "put"
        batches = self._log.dataset().to_batches(
            columns=columns, filter=put, batch_size=_ROWS, batch_readahead=2, fragment_readahead=1
        )
        for batch in batches if missing else ():
            found = batch.filter(pc.is_in(batch["document_hash"], value_set=wanted))
            for row in found.to_pylist():
                if row["document_hash"] in missing:
                    missing.discard(row["document_hash"])
                    yield row["document_hash"], row["title"], row["media_type"], row["text"]

    def sources_of(self, doc_id: str) -> set[str]:
        """Sources that ever had a document of that id."""
        wanted = pa.table({"doc_id": [doc_id]})
        sql = "SELECT DISTINCT source FROM log SEMI JOIN wanted USING (doc_id)"
        return set(self._log.query(sql, wanted=wanted)["source"].to_pylist())

    def named_like(self, name: str) -> list[str]:
        """Ids whose path ends so, whatever the case, in order: what a person may have meant."""
        wanted = pa.table({"ending": ["/" + name.lower()]})
        sql = "SELECT DISTINCT doc_id FROM log, wanted WHERE ends_with(lower(doc_id), ending)"
        found = self._log.query(sql, wanted=wanted)
        return sorted(found["doc_id"].to_pylist())

    def versions(self, keys: Iterable[Key]) -> list[dict[str, Any]]:
        """Every change of these documents, oldest first; `before` is the op of the one before."""
        pairs = sorted(set(keys))
        columns = [pa.array([pair[at] for pair in pairs], pa.string()) for at in (0, 1)]
        wanted = pa.table(columns, names=["source", "doc_id"])
        only = "SEMI JOIN wanted USING (source, doc_id)"
        sql = _CHANGES.format(only=only, after=0, until=2**62)
        rows: list[dict[str, Any]] = self._log.query(sql, wanted=wanted).to_pylist()
        return rows

    def changes(self, after: int, until: int, limit: int) -> tuple[int, list[dict[str, Any]]]:
        """How many changes the snapshots in (after, until] have, and the first `limit`, by seq."""
        sql = _CHANGES.format(only="", after=int(after), until=int(until))
        rows = self._log.query(f"{sql} LIMIT {int(limit)}").to_pylist()
        return (rows[0]["total"] if rows else 0), rows

    def last_changes(self, after: int, until: int) -> dict[Key, int]:
        """The documents that changed in the snapshots in (after, until], each by its last one."""
        sql = _LAST_CHANGES.format(after=int(after), until=int(until))
        rows = self._log.query(sql).to_pylist()
        return {(row["source"], row["doc_id"]): row["last"] for row in rows}

    def counts_after(self, seq: int) -> dict[int, int]:
        """How many changes each snapshot after `seq` has, by snapshot, in no order."""
        sql = f"SELECT seq, count(*) AS changes FROM log WHERE seq > {int(seq)} GROUP BY seq"
        rows = self._log.query(sql).to_pylist()
        return {row["seq"]: row["changes"] for row in rows}

    def append(
        self,
        seq: int,
        run_id: str,
        puts: Iterable[tuple[str, Document]],
        deletes: Iterable[Key],
    ) -> None:
        """Store one snapshot's changes in one commit; `puts` are (source, document)."""
        put = (_put(source, document, seq, run_id) for source, document in puts)
        rows = chain(put, (_delete(key, seq, run_id) for key in deletes))
        self._log.append(pa.Table.from_batches(_batches(rows), DOCUMENT_CHANGES.schema))

    def discard_after(self, seq: int) -> int:
        """Remove the changes of snapshots that no release names; how many there were."""
        count = self._log.query(f"SELECT count(*) AS n FROM log WHERE seq > {int(seq)}")
        orphans = int(count["n"][0].as_py())
        if orphans:
            self._log.delete(f"seq > {int(seq)}")
        return orphans


def _batches(rows: Iterator[dict[str, object]]) -> Iterator[pa.RecordBatch]:
    """The rows, as few of them at a time as Python objects as may be."""
    while part := list(islice(rows, _ROWS)):
        yield pa.RecordBatch.from_pylist(part, DOCUMENT_CHANGES.schema)


def _put(source: str, document: Document, seq: int, run_id: str) -> dict[str, object]:
    return {
        "source": source,
        "doc_id": document.doc_id,
        "seq": seq,
        "op": "put",
        "run_id": run_id,
        "content_hash": document.content_hash,
        "document_hash": document.text_hash,
        "title": document.title,
        "uri": document.uri,
        "media_type": document.media_type,
        "bytes": document.size,
        "characters": len(document.text),
        "metadata": document.metadata_json,
        "text": document.text,
    }


def _delete(key: Key, seq: int, run_id: str) -> dict[str, object]:
    return {"source": key[0], "doc_id": key[1], "seq": seq, "op": "delete", "run_id": run_id}

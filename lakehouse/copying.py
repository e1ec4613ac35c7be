"""Carry what one release is made of into another lakehouse: Delta rows only."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from lakehouse.ann import base_name
from lakehouse.lakehouse import Lakehouse
from lakehouse.releases import Release
from schemas.times import isoformat

_STATE = """
    SELECT log.* FROM log SEMI JOIN (
        SELECT source, doc_id, max(seq) AS seq FROM log WHERE seq <= {seq} GROUP BY source, doc_id
    ) newest USING (source, doc_id, seq) WHERE op = 'put'
"""
_QUARANTINE = """
    SELECT * EXCLUDE (newest) FROM (
        SELECT *, row_number() OVER (PARTITION BY id ORDER BY ordinal DESC) AS newest
        FROM log WHERE "at" <= TIMESTAMPTZ '{until}'
    ) WHERE newest = 1 AND status = 'open'
"""


def copy_release(source: Lakehouse, target: Lakehouse, release: Release) -> None:
    """Append to the tables of `target` all that a release is made of, a part at a time in memory.

    Documents, chunks, vectors, trained models, what stood in quarantine then, the run's report, and
    what was erased. The
    release itself and its index are for the caller to add.
    """
    documents, chunks = source.delta("document_changes"), source.delta("chunks")
    target.delta("document_changes").append_stream(
        documents.stream(_STATE.format(seq=release.snapshot_seq))
    )
    hashes = target.delta("document_changes").query("SELECT DISTINCT document_hash AS h FROM log")
    sql = "SELECT log.* FROM log SEMI JOIN wanted ON document_hash = h WHERE chunker = '{}'"
    wanted_chunks = sql.format(release.chunker.replace("'", "''"))
    target.delta("chunks").append_stream(chunks.stream(wanted_chunks, wanted=hashes))
    texts = target.delta("chunks").query("SELECT DISTINCT text_hash AS h FROM log")
    target.delta("embeddings").append_stream(_vectors(source, release, texts))
    models = f"SELECT * FROM log WHERE lance_table = '{base_name(release.lance_table)}'"
    target.delta("ann_models").append(source.delta("ann_models").query(models))
    until = isoformat(release.logical_time)
    quarantined = source.delta("quarantine").query(_QUARANTINE.format(until=until))
    target.delta("quarantine").append(quarantined)
    # What was erased stays out of the copy's later nights, too.
    target.delta("erasures").append(source.delta("erasures").read())
    report = f"SELECT * FROM log WHERE run_id = '{release.run_id}'"
    target.delta("runs").append(source.delta("runs").query(report))


def _vectors(source: Lakehouse, release: Release, texts: pa.Table) -> Iterator[pa.RecordBatch]:
    sql = (
        "SELECT log.* FROM log SEMI JOIN wanted ON text_hash = h "
        f"WHERE embedder = '{release.embedder}'"
    )
    return source.delta("embeddings").stream(sql, wanted=texts)

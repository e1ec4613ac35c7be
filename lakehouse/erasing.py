"""Take a document or a user out of the Delta tables, bytes and all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.chunks import QUESTIONS
from lakehouse.documents import Key
from schemas.hashing import canonical_json

if TYPE_CHECKING:
    from lakehouse.lakehouse import Lakehouse

# Such a row keeps its user's id and its beginning; a chunk's id stands there before its text.
_REFUSED = """
    SELECT DISTINCT id FROM (
        SELECT id, doc_id, value,
            CASE WHEN json_valid(value) THEN value->>'user_id' END AS user_id
        FROM log WHERE source LIKE 'feedback/%'
    )
    WHERE doc_id IN (SELECT request_id FROM requests)
        OR user_id IN (SELECT user_id FROM users)
        OR EXISTS (SELECT 1 FROM chunks WHERE contains(value, chunk_id))
"""
# The model's vectors of questions that nobody else asked.
_QUESTIONS_OF = """
    SELECT DISTINCT sha256(question) AS text_hash FROM log SEMI JOIN ids USING (request_id)
    WHERE question NOT IN (SELECT question FROM log ANTI JOIN ids USING (request_id))
"""
_VECTORS_OF = f"""
    SELECT embedder, text_hash FROM log SEMI JOIN hashes USING (text_hash)
    WHERE suffix(embedder, '{QUESTIONS}')
"""
# What was made of requests and votes.
_DERIVED = ("triage", "training_examples", "rejected_examples", "evaluations")
_OF_REQUESTS = ("requests", "votes", *_DERIVED)


@dataclass(frozen=True, slots=True)
class Extent:
    """What belongs to some documents alone: their versions, texts cut from them, chunk ids.

    `versions` are (key, seq, document_hash; None for a deletion), by key and seq. `elsewhere` are
    ids of other documents that had the very same text at some time, which keep it.
    """

    keys: tuple[Key, ...]
    versions: tuple[tuple[Key, int, str | None], ...]
    document_hashes: tuple[str, ...]
    text_hashes: tuple[str, ...]
    elsewhere: tuple[Key, ...]

    def version_at(self, key: Key, snapshot: int) -> str | None:
        """Hash of a document's text as of a snapshot; None where it was not there."""
        at = [text for one, seq, text in self.versions if one == key and seq <= snapshot]
        return at[-1] if at else None


def extent(lake: Lakehouse, keys: Collection[Key]) -> Extent:
    """Find what erasing documents has to touch; nothing is changed."""
    changes, chunks = lake.delta("document_changes"), lake.delta("chunks")
    wanted = _keys(keys)
    found = changes.query(
        "SELECT source, doc_id, seq, document_hash FROM log "
        "SEMI JOIN wanted USING (source, doc_id) ORDER BY source, doc_id, seq",
        wanted=wanted,
    ).to_pylist()
    hashes = {row["document_hash"] for row in found if row["document_hash"]}
    others = changes.query(
        "SELECT DISTINCT source, doc_id, document_hash FROM log SEMI JOIN hashes "
        "ON document_hash = h ANTI JOIN wanted USING (source, doc_id)",
        wanted=wanted,
        hashes=_column("h", hashes),
    ).to_pylist()
    own = hashes - {row["document_hash"] for row in others}
    texts = chunks.query(
        "SELECT DISTINCT text_hash FROM log SEMI JOIN hashes ON document_hash = h "
        "ANTI JOIN (SELECT text_hash FROM log ANTI JOIN hashes ON document_hash = h) kept "
        "USING (text_hash)",
        hashes=_column("h", own),
    )
    return Extent(
        keys=tuple(sorted(keys)),
        versions=tuple(
            ((row["source"], row["doc_id"]), row["seq"], row["document_hash"]) for row in found
        ),
        document_hashes=tuple(sorted(own)),
        text_hashes=tuple(sorted(texts["text_hash"].to_pylist())),
        elsewhere=tuple(sorted({(row["source"], row["doc_id"]) for row in others})),
    )


def erase_documents(lake: Lakehouse, found: Extent, chunk_ids: Collection[str]) -> dict[str, int]:
    """Delete the rows of documents; how many went from each table.

    Requests that were shown one of `chunk_ids` go too, with votes and training examples.
    """
    keys = _keys(found.keys)
    counts = {
        "document_changes": _delete(lake, "document_changes", keys),
        "chunks": _delete(lake, "chunks", _column("document_hash", found.document_hashes)),
        "embeddings": _delete(lake, "embeddings", _column("text_hash", found.text_hashes)),
        "quarantine": _delete(lake, "quarantine", keys),
        "access": _delete(lake, "access", keys),
        "source_files": _erase_files(lake, found.keys),
        "runs": _redact_runs(lake, {doc_id for _, doc_id in found.keys}),
    }
    shown = lake.delta("requests").query(
        "SELECT request_id FROM log WHERE list_has_any(context_chunks, (SELECT list(c) FROM ids))",
        ids=_column("c", chunk_ids),
    )
    requests = shown["request_id"].to_pylist()
    counts["quarantine"] += _delete_refused(lake, request_ids=requests, chunk_ids=chunk_ids)
    return counts | _erase_requests(lake, requests)


def erase_user(lake: Lakehouse, user_id: str) -> dict[str, int]:
    """Delete a user's requests and votes, and what was made of them."""
    user = _column("user_id", [user_id])
    requests = (
        lake.delta("requests")
        .query("SELECT request_id FROM log SEMI JOIN who USING (user_id)", who=user)["request_id"]
        .to_pylist()
    )
    voted = (
        lake.delta("votes")
        .query("SELECT DISTINCT request_id FROM log SEMI JOIN who USING (user_id)", who=user)[
            "request_id"
        ]
        .to_pylist()
    )
    vectors = _erase_question_vectors(lake, requests)
    counts = _erase_from(lake, _OF_REQUESTS, requests)
    # What a user said of another's answer went into its verdict and into examples, too.
    others = _erase_from(lake, _DERIVED, set(voted) - set(requests))
    counts = {name: count + others.get(name, 0) for name, count in counts.items()}
    return counts | {
        "question_vectors": vectors,
        "votes": counts["votes"] + _delete(lake, "votes", user),
        "adapters_to_retrain": _mark_adapters(lake, {*requests, *voted}),
        "quarantine": _delete_refused(lake, request_ids=requests, users=[user_id]),
    }


def count_user(lake: Lakehouse, user_id: str) -> dict[str, int]:
    """How many requests and votes a user has, and rows of logs that were not taken in."""
    user = _column("user_id", [user_id])
    sql = "SELECT count(*) AS n FROM log SEMI JOIN who USING (user_id)"
    counts = {
        name: int(lake.delta(name).query(sql, who=user)["n"][0].as_py())
        for name in ("requests", "votes")
    }
    return counts | {"quarantine": len(_refused(lake, users=[user_id]))}


def _erase_requests(lake: Lakehouse, request_ids: Collection[str]) -> dict[str, int]:
    counts = {"question_vectors": _erase_question_vectors(lake, request_ids)}
    counts |= _erase_from(lake, _OF_REQUESTS, request_ids)
    return counts | {"adapters_to_retrain": _mark_adapters(lake, set(request_ids))}


def _erase_question_vectors(lake: Lakehouse, request_ids: Collection[str]) -> int:
    """Comes before the requests themselves, by which a run after a crash finds these."""
    ids = _column("request_id", request_ids)
    hashes = lake.delta("requests").query(_QUESTIONS_OF, ids=ids)
    return _delete(lake, "embeddings", lake.delta("embeddings").query(_VECTORS_OF, hashes=hashes))


def _erase_from(
    lake: Lakehouse, names: Iterable[str], request_ids: Collection[str]
) -> dict[str, int]:
    ids = _column("request_id", request_ids)
    return {name: _delete(lake, name, ids) for name in names}


def _delete_refused(lake: Lakehouse, **whose: Collection[str]) -> int:
    return _delete(lake, "quarantine", _column("id", _refused(lake, **whose)))


def _refused(
    lake: Lakehouse,
    request_ids: Collection[str] = (),
    chunk_ids: Collection[str] = (),
    users: Collection[str] = (),
) -> list[str]:
    """Rows of logs that were not taken in: about these requests, showing a chunk, of a user."""
    found = lake.delta("quarantine").query(
        _REFUSED,
        requests=_column("request_id", request_ids),
        chunks=_column("chunk_id", chunk_ids),
        users=_column("user_id", users),
    )
    ids: list[str] = found["id"].to_pylist()
    return ids


def _mark_adapters(lake: Lakehouse, request_ids: set[str]) -> int:
    now = datetime.now(UTC)
    stale = [one for one in lake.adapters.current() if request_ids & set(one.trained_on)]
    why = "a request that it was trained on was erased"
    lake.adapters.append(
        replace(one, status="retrain", actor="an erasure", reason=why, run_id="", at=now)
        for one in stale
        if one.status != "retrain"
    )
    return len(stale)


def _delete(lake: Lakehouse, name: str, keys: pa.Table) -> int:
    log = lake.delta(name)
    columns = ", ".join(keys.column_names)
    count = log.query(f"SELECT count(*) AS n FROM log SEMI JOIN k USING ({columns})", k=keys)
    found = int(count["n"][0].as_py())
    if found:
        log.delete_matching(keys)
    return found


def _erase_files(lake: Lakehouse, keys: Iterable[Key]) -> int:
    """Forget what is remembered of the files that the documents came from; they are read again."""
    log = lake.delta("source_files")
    rows = log.query("SELECT DISTINCT source, path, documents, rejected FROM log").to_pylist()
    wanted = set(keys)
    paths = {
        (row["source"], row["path"])
        for row in rows
        for doc_id in (row["path"], *row["documents"], *row["rejected"])
        if (row["source"], doc_id) in wanted
    }
    columns = [[source for source, _ in sorted(paths)], [path for _, path in sorted(paths)]]
    return _delete(lake, "source_files", _table(columns, ["source", "path"]))


def _redact_runs(lake: Lakehouse, doc_ids: set[str]) -> int:
    """Take the documents out of the reports of runs; how many reports named one."""
    log = lake.delta("runs")
    rows = log.read().to_pylist()
    count = 0
    for row in rows:
        if any(_says(row["report"], doc_id) for doc_id in doc_ids):
            row["report"] = canonical_json(_redacted(json.loads(row["report"]), doc_ids))
            count += 1
    if count:
        log.replace(rows)
    return count


def _says(report: str, doc_id: str) -> bool:
    return canonical_json(doc_id)[1:-1] in report


def _redacted(value: Any, doc_ids: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _redacted(one, doc_ids) for key, one in value.items()}
    if isinstance(value, list):
        return [
            _redacted(one, doc_ids)
            for one in value
            if not (isinstance(one, Mapping) and one.get("doc_id") in doc_ids)
        ]
    if isinstance(value, str):
        for doc_id in doc_ids:
            value = value.replace(doc_id, "[erased]")
    return value


def _keys(keys: Collection[Key]) -> pa.Table:
    ordered = sorted(keys)
    columns = [[source for source, _ in ordered], [doc_id for _, doc_id in ordered]]
    return _table(columns, ["source", "doc_id"])


def _column(name: str, values: Iterable[str]) -> pa.Table:
    return _table([sorted(values)], [name])


def _table(columns: list[list[str]], names: list[str]) -> pa.Table:
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)

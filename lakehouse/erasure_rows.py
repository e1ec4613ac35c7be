"""Which rows hold a document or a user, in whatever table; nothing is changed here."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from lakehouse.documents import Key
from lakehouse.erasure_plan import Extent, Selection, column_table, key_table, of_values
from lakehouse.lakehouse import Lakehouse
from lakehouse.mentions import Mentions
from lakehouse.rows import chunk_id
from lakehouse.suppression import contents, passages
from schemas.hashing import sha256_text

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
_SHOWN = """
    SELECT DISTINCT unnest(context_chunks) AS chunk, unnest(context_texts) AS text FROM log
    WHERE len(context_chunks) = len(context_texts)
"""
_OCCURRENCES = 3  # of equal passages under one heading, that a lost version is tried for
# What was made of requests and votes: their columns that may name a document or tell its text.
DERIVED = {
    "triage": ("evidence", "documents"),
    "triage_labels": ("note",),
    "training_examples": ("example",),
    "synthetic_corrections": ("content",),
    "rejected_examples": ("details",),
    "evaluations": ("result",),
    "judgements": ("result", "reason"),
}
TOLD_AGAIN = {
    "requests": ("question", "response", "history", "prompt", "details", "guard", "route"),
    "votes": ("comment", "correction"),
}


def extent(lake: Lakehouse, keys: Collection[Key]) -> Extent:
    """Find what erasing documents has to touch; nothing is changed."""
    changes, chunks = lake.delta("document_changes"), lake.delta("chunks")
    wanted = key_table(keys)
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
        hashes=column_table("h", hashes),
    ).to_pylist()
    own = hashes - {row["document_hash"] for row in others}
    texts = chunks.query(
        "SELECT DISTINCT text_hash FROM log SEMI JOIN hashes ON document_hash = h "
        "ANTI JOIN (SELECT text_hash FROM log ANTI JOIN hashes ON document_hash = h) kept "
        "USING (text_hash)",
        hashes=column_table("h", own),
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


def documents_shown(lake: Lakehouse, doc_id: str, sources: Iterable[str]) -> set[str]:
    """Sources under which a passage of a document was shown, whatever became of its versions."""
    return {source for source in sources if shown_chunks(lake, [(source, doc_id)], ())}


def own_contents(lake: Lakehouse, found: Extent) -> list[tuple[str, str, str]]:
    """(kind, name, text) of what the documents say and no other document ever said."""
    log = lake.delta("document_changes")
    sql = "SELECT DISTINCT text FROM log {} JOIN wanted USING (source, doc_id) WHERE op = 'put'"
    wanted = key_table(found.keys)
    own: dict[tuple[str, str], str] = {}
    for text in log.query(sql.format("SEMI"), wanted=wanted)["text"].to_pylist():
        told = [text] * bool(text.split()) + list(passages(text))  # in the order of `contents`
        own |= dict(zip(contents(text), told, strict=True))
    if not own:
        return []
    for batch in log.stream(sql.format("ANTI"), wanted=wanted):
        for text in batch["text"].to_pylist():
            for said in contents(text):
                own.pop(said, None)
    return [(kind, name, text) for (kind, name), text in sorted(own.items())]


def shown_chunks(lake: Lakehouse, keys: Collection[Key], text_hashes: Collection[str]) -> set[str]:
    """Chunk ids of the documents among those that requests were shown, with their texts.

    The id of a passage is a hash over where it stood and what it said. The text is in the request;
    the heading is its first line, or one that a version which is still there has.
    """
    headings = {"", *_headings(lake, keys)}
    known, found = set(text_hashes), set()
    for batch in lake.delta("requests").stream(_SHOWN):
        for chunk, text in zip(batch["chunk"].to_pylist(), batch["text"].to_pylist(), strict=True):
            text_hash = sha256_text(text or "")
            tried = {*headings, (text or "").partition("\n")[0]}
            if text_hash in known or _is_of(chunk, keys, tried, text_hash):
                found.add(chunk)
    return found


def _is_of(chunk: str, keys: Collection[Key], headings: Collection[str], text_hash: str) -> bool:
    return any(
        chunk == chunk_id(*key, heading, text_hash, occurrence)
        for key in keys
        for heading in headings
        for occurrence in range(_OCCURRENCES)
    )


def _headings(lake: Lakehouse, keys: Collection[Key]) -> list[str]:
    hashes = lake.delta("document_changes").query(
        "SELECT DISTINCT document_hash FROM log SEMI JOIN wanted USING (source, doc_id) "
        "WHERE op = 'put'",
        wanted=key_table(keys),
    )
    sql = "SELECT DISTINCT heading FROM log SEMI JOIN hashes USING (document_hash)"
    headings: list[str] = lake.delta("chunks").query(sql, hashes=hashes)["heading"].to_pylist()
    return headings


def requests_with(lake: Lakehouse, chunk_ids: Collection[str]) -> set[str]:
    """Ids of requests that were shown one of these chunks."""
    shown = lake.delta("requests").query(
        "SELECT request_id FROM log WHERE list_has_any(context_chunks, (SELECT list(c) FROM ids))",
        ids=column_table("c", chunk_ids),
    )
    return set(shown["request_id"].to_pylist())


def telling_again(lake: Lakehouse, told: Sequence[str], names: Mentions) -> set[str]:
    """Requests of which a text, or a vote on them, repeats a passage, or whose log names an id."""
    found: set[str] = set()
    for table, columns in TOLD_AGAIN.items():
        for row in _rows(lake, table, ("request_id", *columns)):
            if _repeats(row, columns, told) or names.are_in(row.get("details") or ""):
                found.add(row["request_id"])
    return found


def rows_naming(
    lake: Lakehouse, table: str, columns: Sequence[str], names: Mentions, told: Sequence[str]
) -> Selection:
    """Rows of a table that name a document or repeat a passage, with all of the same request."""
    rows = _rows(lake, table, ("request_id", *columns))
    ids = {
        row["request_id"]
        for row in rows
        if _repeats(row, columns, told) or any(names.are_in(row[name]) for name in columns)
    }
    return of_values(table, "request_id", ids)


def _rows(lake: Lakehouse, table: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for batch in lake.delta(table).stream(f"SELECT {', '.join(columns)} FROM log"):
        yield from batch.to_pylist()


def _repeats(row: Mapping[str, Any], columns: Sequence[str], told: Sequence[str]) -> bool:
    if not told:
        return False
    for name in columns:
        # Line breaks stand as \n in JSON; a passage is told on one line.
        text = " ".join((row[name] or "").replace("\\n", " ").split())
        if any(passage in text or _in_json(passage) in text for passage in told):
            return True
    return False


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def quarantined(
    lake: Lakehouse, keys: Collection[Key], names: Mentions, told: Sequence[str]
) -> list[str]:
    """Ids of quarantined rows of these documents, or that name one or repeat a passage."""
    wanted = set(keys)
    return [
        row["id"]
        for row in _rows(lake, "quarantine", ("id", "source", "doc_id", "value", "reason"))
        if (row["source"], row["doc_id"]) in wanted
        or _repeats(row, ("value", "reason"), told)
        or names.are_in(f"{row['value']}\n{row['reason']}")
    ]


def requests_of_user(lake: Lakehouse, table: str, user: pa.Table) -> set[str]:
    """Ids of requests in the rows of a table that a user wrote; `user` is a table of one id."""
    sql = "SELECT DISTINCT request_id FROM log SEMI JOIN who USING (user_id)"
    return set(lake.delta(table).query(sql, who=user)["request_id"].to_pylist())


def refused(
    lake: Lakehouse,
    request_ids: Collection[str] = (),
    chunk_ids: Collection[str] = (),
    users: Collection[str] = (),
) -> list[str]:
    """Rows of logs that were not taken in: about these requests, showing a chunk, of a user."""
    found = lake.delta("quarantine").query(
        _REFUSED,
        requests=column_table("request_id", request_ids),
        chunks=column_table("chunk_id", chunk_ids),
        users=column_table("user_id", users),
    )
    ids: list[str] = found["id"].to_pylist()
    return ids


def source_files(lake: Lakehouse, keys: Iterable[Key]) -> tuple[tuple[str, ...], ...]:
    """The files that the documents came from: what is remembered of them goes, they are read again.

    A file that holds others too is among them, and costs one reading.
    """
    log = lake.delta("source_files")
    rows = log.query("SELECT DISTINCT source, path, documents, rejected FROM log").to_pylist()
    wanted = set(keys)
    return tuple(
        sorted(
            {
                (row["source"], row["path"])
                for row in rows
                for doc_id in (row["path"], *row["documents"], *row["rejected"])
                if (row["source"], doc_id) in wanted
            }
        )
    )


def reports_naming(lake: Lakehouse, names: Mentions) -> list[int]:
    """Places, in the table of runs, of the reports that name something erased."""
    reports = lake.delta("runs").read(["report"])["report"].to_pylist()
    return [at for at, report in enumerate(reports) if names.are_in(report)]

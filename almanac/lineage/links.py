"""The links of the chain as queries over the Delta tables; texts of documents are never read."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property, wraps
from typing import Any, TypeVar

import pyarrow as pa

from lakehouse import Lakehouse
from lakehouse.releases import Release
from lakehouse.training import Adapter

Row = dict[str, Any]
T = TypeVar("T")

_PARTS = ("source", "doc_id", "heading", "text_hash", "occurrence::VARCHAR")
# The id of a passage as `lakehouse.rows.chunk_id` makes it: SHA-256 over length-prefixed parts.
_CHUNK_ID = " || ".join(f"unhex(printf('%016x', strlen({one}))) || encode({one})" for one in _PARTS)
_PASSAGES = f"""
    WITH passages AS (
        SELECT d.source, d.doc_id, d.document_hash, c.chunker, c.heading, c.text_hash,
            row_number() OVER (
                PARTITION BY d.source, d.doc_id, d.document_hash, c.chunker, c.heading, c.text_hash
                ORDER BY c.ordinal
            ) - 1 AS occurrence
        FROM log c JOIN (
            SELECT DISTINCT source, doc_id, document_hash FROM documents WHERE op = 'put'
            {{only}}
        ) d USING (document_hash)
    )
    SELECT * FROM (
        SELECT source, doc_id, document_hash, chunker, heading,
            substr(sha256({_CHUNK_ID}), 1, 32) AS chunk_id
        FROM passages
    ) {{wanted}}
"""
_CHANGES = """
    SELECT *, count(*) OVER () AS total FROM (
        SELECT source, doc_id, seq, op, content_hash, document_hash, title, run_id,
            lag(op) OVER (PARTITION BY source, doc_id ORDER BY seq) AS before
        FROM log {only}
    ) WHERE seq > {after} AND seq <= {until} ORDER BY seq, source, doc_id
"""
_REQUESTS = """
    SELECT request_id, asked_at, user_id, left(question, 200) AS question, "release",
        index_version, model, adapter
    FROM log SEMI JOIN wanted ON request_id = id
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY content_hash) = 1
    ORDER BY asked_at DESC, request_id
"""
_VERDICTS = """
    SELECT request_id, cause, documents, run_id, "at",
        try_cast(json_extract_string(evidence, '$.then.release') AS BIGINT) AS release
    FROM log
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY ordinal DESC) = 1
    ORDER BY "at" DESC, request_id
"""


def _once(ask: Callable[[Links, Collection[str]], T]) -> Callable[[Links, Collection[str]], T]:
    """The answer about the same ids is kept, since naming a thing and following it both ask."""

    @wraps(ask)
    def answer(links: Links, ids: Collection[str]) -> T:
        key = (ask.__name__, frozenset(ids))
        if key not in links.answers:
            links.answers[key] = ask(links, ids)
        found: T = links.answers[key]
        return found

    return answer


class Links:
    """The tables of one lakehouse; what several questions need is read once."""

    def __init__(self, lake: Lakehouse) -> None:
        self.lake = lake
        self.answers: dict[tuple[str, frozenset[str]], Any] = {}

    @cached_property
    def releases(self) -> list[Release]:
        """Releases of all indexes, newest first."""
        return self.lake.releases("").every_index()

    @cached_property
    def verdicts(self) -> dict[str, Row]:
        """The newest verdict on each request, newest first."""
        rows = self._ask("triage", _VERDICTS)
        for row in rows:
            row["documents"] = [tuple(key) for key in json.loads(row["documents"])]
        return {row["request_id"]: row for row in rows}

    @cached_property
    def datasets(self) -> list[Row]:
        """Every manifest, newest first."""
        return self.lake.datasets.manifests()

    @cached_property
    def steps(self) -> list[Adapter]:
        """Every step of every adapter, newest first."""
        return self.lake.adapters.steps()[::-1]

    def versions(self, keys: Iterable[tuple[str, str]]) -> list[Row]:
        """Every change of these (source, doc_id), oldest first; `before` is the op before it."""
        pairs = sorted(set(keys))
        columns = [pa.array([pair[at] for pair in pairs], pa.string()) for at in (0, 1)]
        wanted = pa.table(columns, names=["source", "doc_id"])
        only = "SEMI JOIN wanted USING (source, doc_id)"
        sql = _CHANGES.format(only=only, after=0, until=2**62)
        return self._ask("document_changes", sql, wanted=wanted)

    def changed(self, after: int, until: int, limit: int) -> tuple[int, list[Row]]:
        """How many changes the snapshots after one have, up to another, and the first of them."""
        sql = _CHANGES.format(only="", after=after, until=until) + f" LIMIT {limit}"
        rows = self._ask("document_changes", sql)
        return (rows[0]["total"] if rows else 0), rows

    def passages_of(self, doc_id: str) -> list[Row]:
        """Passages of all versions of one doc_id, as `passages` has them."""
        only = "AND doc_id IN (SELECT id FROM wanted)"
        return self._passages(_PASSAGES.format(only=only, wanted=""), [doc_id])

    @_once
    def passages(self, chunks: Collection[str]) -> list[Row]:
        """Those with these ids, under any chunker: a pass over all chunks, without their texts.

        source, doc_id, document_hash, chunker, heading, chunk_id.
        """
        sql = _PASSAGES.format(only="", wanted="SEMI JOIN wanted ON chunk_id = id")
        return self._passages(sql, chunks) if chunks else []

    @_once
    def shown(self, chunks: Collection[str]) -> set[str]:
        """Requests whose context had one of these passages."""
        sql = (
            "SELECT DISTINCT request_id FROM (SELECT request_id, unnest(context_chunks) AS chunk "
            "FROM log) SEMI JOIN wanted ON chunk = id"
        )
        return self._names("requests", sql, chunks)

    def contexts(self, requests: Collection[str]) -> set[str]:
        """Ids of the passages that these requests were shown."""
        sql = (
            "SELECT DISTINCT unnest(context_chunks) AS chunk FROM log "
            "SEMI JOIN wanted ON request_id = id"
        )
        return self._names("requests", sql, requests)

    def answered_from(self, seq: int) -> set[str]:
        """Requests answered from a release, as their log or the verdict on them says."""
        sql = f'SELECT DISTINCT request_id FROM log WHERE "release" = {seq}'
        judged = {name for name, row in self.verdicts.items() if row["release"] == seq}
        return self._names("requests", sql, ()) | judged

    def answered_by(self, adapter_id: str) -> set[str]:
        """Requests that name the adapter by its id, or by at least twelve digits of it."""
        sql = (
            "SELECT DISTINCT request_id FROM log, wanted WHERE starts_with(id, adapter) "
            "AND length(adapter) >= 12"
        )
        return self._names("requests", sql, [adapter_id])

    @_once
    def requests(self, names: Collection[str]) -> list[Row]:
        """Each request once, newest first, its question cut; `release` from its verdict too."""
        rows = self._ask("requests", _REQUESTS, wanted=_ids(names))
        for row in rows:
            if row["release"] is None and row["request_id"] in self.verdicts:
                row["release"] = self.verdicts[row["request_id"]]["release"]
        return rows

    @_once
    def votes(self, names: Collection[str]) -> dict[str, str]:
        """What users said of each request, in one phrase."""
        said: dict[str, list[str]] = {}
        for vote in self.lake.votes.rows(names):
            what = "liked" if vote.rating > 0 else "disliked"
            said.setdefault(vote.request_id, []).append(f"{what} by {vote.user_id}")
        return {name: ", ".join(dict.fromkeys(some)) for name, some in said.items()}

    def examples(self, requests: Collection[str]) -> list[Row]:
        """example_id and request_id of what may be trained on, made of these requests."""
        sql = (
            "SELECT DISTINCT example_id, request_id FROM log SEMI JOIN wanted ON request_id = id "
            "ORDER BY request_id, example_id"
        )
        return self._ask("training_examples", sql, wanted=_ids(requests))

    def asked_in(self, examples: Collection[str]) -> set[str]:
        """Requests that these examples were made of."""
        sql = "SELECT DISTINCT request_id FROM log SEMI JOIN wanted ON example_id = id"
        return self._names("training_examples", sql, examples)

    def left_out(self, requests: Collection[str]) -> dict[str, dict[str, int]]:
        """Of each dataset, how many of these requests a guard kept out, by reason."""
        sql = (
            "SELECT dataset, reason, count(DISTINCT request_id) AS n FROM log "
            "SEMI JOIN wanted ON request_id = id GROUP BY ALL ORDER BY dataset, reason"
        )
        found: dict[str, dict[str, int]] = {}
        for row in self._ask("rejected_examples", sql, wanted=_ids(requests)):
            found.setdefault(row["dataset"], {})[row["reason"]] = row["n"]
        return found

    def beginning(self, table: str, column: str, text: str) -> list[str]:
        """Values of a column that begin so, at most ten."""
        sql = (
            f"SELECT DISTINCT {column} AS id FROM log, wanted WHERE starts_with({column}, "
            f"wanted.id) ORDER BY 1 LIMIT 10"
        )
        return [row["id"] for row in self._ask(table, sql, wanted=_ids([text]))]

    @_once
    def runs(self, names: Collection[str]) -> list[Row]:
        """What these runs recorded, oldest first; one with several operations has several rows."""
        sql = "SELECT * FROM log SEMI JOIN wanted ON run_id = id ORDER BY started_at, finished_at"
        return self._ask("runs", sql, wanted=_ids(names))

    def made_by(self, run_id: str) -> bool:
        """Did a run make anything? Some record themselves by what they made alone."""
        named = [one.run_id for one in self.releases] + [one.run_id for one in self.steps]
        named += [row["run_id"] for row in (*self.datasets, *self.verdicts.values())]
        return bool(run_id) and run_id in named

    def _passages(self, sql: str, wanted: Collection[str]) -> list[Row]:
        documents = self.lake.delta("document_changes").dataset()
        batches = self.lake.delta("chunks").stream(sql, documents=documents, wanted=_ids(wanted))
        return [row for batch in batches for row in batch.to_pylist()]

    def _ask(self, table: str, sql: str, **tables: pa.Table) -> list[Row]:
        rows: list[Row] = self.lake.delta(table).query(sql, **tables).to_pylist()
        return rows

    def _names(self, table: str, sql: str, ids: Collection[str]) -> set[str]:
        found = self.lake.delta(table).query(sql, wanted=_ids(ids))
        return {str(name) for name in found.column(0).to_pylist()}


def _ids(values: Collection[str]) -> pa.Table:
    return pa.table([pa.array(sorted(values), pa.string())], names=["id"])


def held_by(versions: Iterable[Mapping[str, Any]], releases: Iterable[Release]) -> dict[int, Row]:
    """Of each release that held one of these documents, the change that it held, by seq.

    `versions` are all changes of one document, oldest first.
    """
    changes = list(versions)
    found = {}
    for release in releases:
        at = [change for change in changes if change["seq"] <= release.snapshot_seq]
        if at and at[-1]["op"] == "put":
            found[release.seq] = dict(at[-1])
    return found

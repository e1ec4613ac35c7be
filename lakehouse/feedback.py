"""Requests, votes and what triage found, as they stand in Delta.

Requests and votes are appended without the lease: an application logs while a nightly run works.
So one of them may stand there twice, and reading takes each once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from lakehouse.columns import id_column
from lakehouse.delta import DeltaLog
from schemas.feedback import Request, Triaged, Vote
from schemas.request_rows import request_of_row, request_row
from schemas.tables.feedback import TRIAGE, VOTES
from schemas.times import isoformat

_REQUESTS = """
    SELECT * EXCLUDE (nth) FROM (
        SELECT {columns}, row_number() OVER (PARTITION BY request_id ORDER BY content_hash) AS nth
        FROM log {where}
    ) WHERE nth = 1 ORDER BY asked_at, request_id
"""
# Texts are nearly all of a request's bytes.
_WITHOUT_TEXTS = """* REPLACE (
    '' AS question, '' AS response, []::VARCHAR[] AS context_chunks, []::VARCHAR[] AS context_texts,
    '[]' AS history, '[]' AS prompt, '{}' AS details
)"""
_SUMMARIES = """
    SELECT request_id, asked_at, user_id, left(question, 200) AS question, "release",
        index_version, model, adapter, status, route, cost_micros, cached
    FROM log SEMI JOIN wanted ON request_id = id
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY content_hash) = 1
    ORDER BY asked_at DESC, request_id
"""
_SHOWN = """
    SELECT DISTINCT request_id FROM (
        SELECT request_id, unnest(context_chunks) AS chunk FROM log
    ) SEMI JOIN wanted ON chunk = id
"""
_CONTEXTS = """
    SELECT DISTINCT unnest(context_chunks) AS chunk FROM log SEMI JOIN wanted ON request_id = id
"""
_ANSWERED_BY = """
    SELECT DISTINCT request_id FROM log, wanted
    WHERE starts_with(id, adapter) AND length(adapter) >= 12
"""
_VOTES = """
    SELECT DISTINCT {columns} FROM log {where}
    QUALIFY stated OR NOT bool_or(stated) OVER (PARTITION BY request_id)
    ORDER BY request_id, rated_at, user_id, rating, comment, correction
"""
_TRIAGED = """
    SELECT * EXCLUDE (nth) FROM (
        SELECT *, row_number() OVER (PARTITION BY request_id ORDER BY ordinal DESC) AS nth FROM log
    ) WHERE nth = 1 ORDER BY request_id
"""
_VERDICTS = """
    SELECT request_id, cause, documents, run_id, "at",
        try_cast(json_extract_string(evidence, '$.then.release') AS BIGINT) AS release
    FROM log
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY ordinal DESC) = 1
    ORDER BY "at" DESC, request_id
"""
_FAULTS_SINCE = """
    SELECT count(*) AS n FROM (
        SELECT arg_max(cause, ordinal) AS now, min("at") FILTER (cause = 'model_fault') AS since
        FROM log GROUP BY request_id
    ) WHERE now = 'model_fault' AND since > {since}
"""
_VOTE_KEY = ("request_id", "user_id", "rated_at")
_VOTE = ", ".join(f'"{name}"' for name in VOTES.columns)


class RequestLog:
    """`requests`: one answered request a row."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def append(self, requests: Iterable[Request]) -> None:
        """Add requests in one commit."""
        self._log.append([request_row(request) for request in requests])

    def tend(self, grace: timedelta) -> bool:
        """Write many small files together; see `lakehouse.vacuum.ClearedTable.tend`."""
        return self._log.tend(grace)

    def hashes(self, request_ids: Collection[str]) -> dict[str, str]:
        """The content hash of each of these requests that is known."""
        found = self._log.query(
            "SELECT request_id, min(content_hash) AS h FROM log SEMI JOIN ids USING (request_id) "
            "GROUP BY request_id",
            ids=_ids(request_ids),
        )
        return {row["request_id"]: row["h"] for row in found.to_pylist()}

    def rows(
        self,
        request_ids: Collection[str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        texts: bool = True,
    ) -> list[Request]:
        """Requests by time and id: these, or all asked from `start` to `end`, both included.

        Without `texts` none of question, answer, passages, prompt and details are read.
        """
        clauses, tables = _where(request_ids)
        if start:
            clauses.append(f"asked_at >= TIMESTAMPTZ '{start.isoformat()}'")
        if end:
            clauses.append(f"asked_at <= TIMESTAMPTZ '{end.isoformat()}'")
        columns = "*" if texts else _WITHOUT_TEXTS
        sql = _REQUESTS.format(columns=columns, where=_joined(clauses))
        return [request_of_row(row) for row in self._log.query(sql, **tables).to_pylist()]

    def count(self) -> int:
        """How many different requests there are."""
        return _count(self._log, "request_id")

    def span(self) -> tuple[datetime | None, datetime | None]:
        """When the first and the last request were asked; (None, None) before there are any."""
        sql = "SELECT min(asked_at) AS first, max(asked_at) AS last FROM log"
        row = self._log.query(sql).to_pylist()[0]
        return row["first"], row["last"]

    def summaries(self, request_ids: Collection[str]) -> list[dict[str, Any]]:
        """These requests, each once, newest first, with the first 200 characters of the question.

        request_id, asked_at, user_id, question, release, index_version, model, adapter, status,
        route (JSON, as text), cost_micros, cached.
        """
        wanted = id_column(request_ids)
        rows: list[dict[str, Any]] = self._log.query(_SUMMARIES, wanted=wanted).to_pylist()
        return rows

    def shown(self, chunk_ids: Collection[str]) -> set[str]:
        """Ids of requests whose context had one of these passages."""
        return self._ids(_SHOWN, chunk_ids)

    def contexts(self, request_ids: Collection[str]) -> set[str]:
        """Ids of the passages that these requests were shown."""
        return self._ids(_CONTEXTS, request_ids)

    def answered_from(self, seq: int) -> set[str]:
        """Ids of requests whose log names this release."""
        sql = f'SELECT DISTINCT request_id FROM log WHERE "release" = {int(seq)}'
        return self._ids(sql, ())

    def releases_since(self, moment: datetime) -> set[int]:
        """Numbers of the releases that requests asked since then were answered from."""
        sql = (
            'SELECT DISTINCT "release" FROM log WHERE "release" IS NOT NULL '
            f"AND asked_at >= TIMESTAMPTZ '{isoformat(moment)}'"
        )
        return set(self._log.query(sql)["release"].to_pylist())

    def answered_by(self, adapter_id: str) -> set[str]:
        """Ids of requests that name the adapter by its id, or by at least twelve digits of it."""
        return self._ids(_ANSWERED_BY, [adapter_id])

    def _ids(self, sql: str, wanted: Collection[str]) -> set[str]:
        rows = self._log.query(sql, wanted=id_column(wanted))
        return {str(name) for name in rows.column(0).to_pylist()}


class VoteLog:
    """`votes`: many a request, append-only."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def append(self, votes: Iterable[Vote]) -> None:
        """Add votes in one commit."""
        self._log.append([VOTES.to_row(vote) for vote in votes])

    def head(self) -> int:
        """What changes with each commit; cheap, for who asks often."""
        return self._log.head()

    def remove(self, votes: Collection[Vote]) -> None:
        """Take back votes, and others of the same user on the same request at the same time."""
        keys = {(one.request_id, one.user_id, one.rated_at) for one in votes}
        rows = [dict(zip(_VOTE_KEY, key, strict=True)) for key in sorted(keys)]
        fields = [VOTES.schema.field(name) for name in _VOTE_KEY]
        self._log.delete_matching(pa.Table.from_pylist(rows, pa.schema(fields)))

    def tend(self, grace: timedelta) -> bool:
        """Write many small files together; see `lakehouse.vacuum.ClearedTable.tend`."""
        return self._log.tend(grace)

    def rows(self, request_ids: Collection[str] | None = None, every: bool = False) -> list[Vote]:
        """Votes by request and time, each once.

        One that was read from a request's own line steps back where the request has others,
        unless `every` is asked for.
        """
        clauses, tables = _where(request_ids)
        sql = _VOTES.format(where=_joined(clauses), columns=_VOTE)
        if every:
            sql = "\n".join(line for line in sql.splitlines() if "QUALIFY" not in line)
        return [VOTES.read(Vote, row) for row in self._log.query(sql, **tables).to_pylist()]

    def count(self) -> int:
        """How many different votes there are."""
        return _count(self._log, _VOTE.replace(', "stated"', ""))


class TriageLog:
    """`triage`: why each disliked answer failed; the newest row of a request counts."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def current(self) -> dict[str, Triaged]:
        """The verdict on each request that was looked into."""
        rows = self._log.query(_TRIAGED).to_pylist()
        return {row["request_id"]: _triaged(row) for row in rows}

    def verdicts(self) -> list[dict[str, Any]]:
        """The newest verdict on each request, newest first, without its evidence.

        request_id, cause, documents (source, doc_id), run_id, at, and the release that answered.
        """
        rows: list[dict[str, Any]] = self._log.query(_VERDICTS).to_pylist()
        return [
            row | {"documents": [tuple(key) for key in json.loads(row["documents"])]}
            for row in rows
        ]

    def by_rules(self, request_ids: Collection[str]) -> dict[int, dict[str, Triaged]]:
        """The newest verdict of each version of the rules on each of these requests.

        Verdicts that name no version are of version 1.
        """
        found: dict[int, dict[str, Triaged]] = {}
        sql = "SELECT * FROM log SEMI JOIN ids USING (request_id) ORDER BY ordinal"
        for row in self._log.query(sql, ids=_ids(request_ids)).to_pylist():
            one = _triaged(row)
            found.setdefault(one.rules or 1, {})[one.request_id] = one
        return found

    def judged(self, request_ids: Collection[str]) -> dict[str, Triaged]:
        """The newest verdict that a judge had a voice in, on each of these requests."""
        sql = (
            "SELECT * FROM log SEMI JOIN ids USING (request_id) "
            "WHERE contains(evidence, '\"judge\"') ORDER BY ordinal"
        )
        rows = map(_triaged, self._log.query(sql, ids=_ids(request_ids)).to_pylist())
        return {one.request_id: one for one in rows if one.evidence.get("judge")}

    def faults_since(self, moment: datetime | None) -> int:
        """Requests that are the model's own fault now, and were found to be after `moment`."""
        since = f"TIMESTAMPTZ '{moment.isoformat()}'" if moment else "'-infinity'"
        found = self._log.query(_FAULTS_SINCE.format(since=since))
        return int(found["n"][0].as_py())

    def record(self, found: Iterable[Triaged], run_id: str, at: datetime) -> None:
        """Add verdicts in one commit; only under the lease."""
        ordinal = next_ordinal(self._log)
        stamp = {"run_id": run_id, "at": at, "ordinal": ordinal}
        self._log.append([TRIAGE.to_row(one, **stamp) for one in found])


def next_ordinal(log: DeltaLog) -> int:
    """One more than the greatest ordinal of a table."""
    found = log.query("SELECT coalesce(max(ordinal), 0) + 1 AS n FROM log")
    return int(found["n"][0].as_py())


def _count(log: DeltaLog, columns: str) -> int:
    found = log.query(f"SELECT count(*) AS n FROM (SELECT DISTINCT {columns} FROM log)")
    return int(found["n"][0].as_py())


def _where(request_ids: Collection[str] | None) -> tuple[list[str], dict[str, pa.Table]]:
    if request_ids is None:
        return [], {}
    return ["request_id IN (SELECT request_id FROM ids)"], {"ids": _ids(request_ids)}


def _joined(clauses: list[str]) -> str:
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""


def _ids(values: Collection[str]) -> pa.Table:
    return pa.table([pa.array(sorted(values), pa.string())], names=["request_id"])


def _triaged(row: dict[str, Any]) -> Triaged:
    documents = TRIAGE.from_row(row)["documents"]
    return TRIAGE.read(Triaged, row, documents=tuple(map(tuple, documents)))

"""Take a document or a user out of the Delta tables, bytes and all.

What goes is found first and written down (`Plan`), then deleted. So an erasure that was killed is
finished by its plan, whatever was deleted by then.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lakehouse.chunks import QUESTIONS
from lakehouse.erasure_plan import Extent, Plan, Selection, by_keys, column_table, of_values
from lakehouse.erasure_rows import (
    DERIVED,
    own_contents,
    quarantined,
    refused,
    reports_naming,
    requests_of_user,
    requests_with,
    rows_naming,
    shown_chunks,
    source_files,
    telling_again,
)
from lakehouse.erasures import request_subject
from lakehouse.lakehouse import Lakehouse
from lakehouse.mentions import Mentions
from lakehouse.suppression import PASSAGE
from schemas.hashing import canonical_json

# The model's vectors of questions that nobody else asked.
_QUESTIONS_OF = """
    SELECT DISTINCT sha256(question) AS text_hash FROM log SEMI JOIN ids USING (request_id)
    WHERE question NOT IN (SELECT question FROM log ANTI JOIN ids USING (request_id))
"""
_VECTORS_OF = f"""
    SELECT embedder, text_hash FROM log SEMI JOIN hashes USING (text_hash)
    WHERE suffix(embedder, '{QUESTIONS}')
"""
_OF_REQUESTS = ("requests", "votes", *DERIVED)


def plan_documents(
    lake: Lakehouse, found: Extent, chunk_ids: Collection[str], **common: Any
) -> Plan:
    """What goes with documents. `common` is the plan's receipt, at and releases.

    Requests go that were shown one of `chunk_ids`, a passage of a version that is gone since, or
    that tell a passage of the documents again; with them their votes and what was made of them.
    """
    told = own_contents(lake, found)
    chunk_ids = {*chunk_ids, *shown_chunks(lake, found.keys, found.text_hashes)}
    names = Mentions([doc_id for _, doc_id in found.keys])
    again = [passage for kind, _, passage in told if kind == PASSAGE]
    requests = requests_with(lake, chunk_ids) | telling_again(lake, again, names)
    selections = [
        by_keys("document_changes", found.keys),
        by_keys("access", found.keys),
        of_values("chunks", "document_hash", found.document_hashes),
        of_values("embeddings", "text_hash", found.text_hashes),
        of_values(
            "quarantine",
            "id",
            [
                *quarantined(lake, found.keys, names, again),
                *refused(lake, request_ids=requests, chunk_ids=chunk_ids),
            ],
        ),
        Selection("source_files", ("source", "path"), source_files(lake, found.keys)),
    ]
    plan = Plan(
        kind="document",
        keys=found.keys,
        same_text_elsewhere=tuple(doc_id for _, doc_id in found.elsewhere),
        contents=tuple(sorted({(kind, name) for kind, name, _ in told})),
        **common,
    )
    return _with_requests(lake, plan, selections, requests, naming=(names, again))


def plan_user(lake: Lakehouse, user_id: str, **common: Any) -> Plan:
    """What goes with a user: requests, votes, and what was made of them."""
    user = column_table("user_id", [user_id])
    requests = requests_of_user(lake, "requests", user)
    voted = requests_of_user(lake, "votes", user)
    selections = [
        of_values("votes", "user_id", [user_id]),
        # What a user said of another's answer went into its verdict and into examples, too.
        *(of_values(name, "request_id", voted - requests) for name in DERIVED),
        of_values("quarantine", "id", refused(lake, request_ids=requests, users=[user_id])),
    ]
    plan = Plan(kind="user", user_id=user_id, **common)
    return _with_requests(lake, plan, selections, requests, trained=requests | voted)


def _with_requests(
    lake: Lakehouse,
    plan: Plan,
    selections: Sequence[Selection],
    requests: set[str],
    trained: set[str] | None = None,
    naming: tuple[Mentions, Sequence[str]] | None = None,
) -> Plan:
    """The plan with what goes with requests, with the counts of all."""
    questions = lake.delta("requests").query(
        _QUESTIONS_OF, ids=column_table("request_id", requests)
    )
    vectors = lake.delta("embeddings").query(_VECTORS_OF, hashes=questions).to_pylist()
    pairs = sorted((row["embedder"], row["text_hash"]) for row in vectors)
    of_questions = Selection("embeddings", ("embedder", "text_hash"), tuple(pairs))
    by_request = [of_values(name, "request_id", requests) for name in _OF_REQUESTS]
    if naming:
        by_request += [
            rows_naming(lake, name, columns, *naming) for name, columns in DERIVED.items()
        ]
    every = [one for one in (*selections, of_questions, *by_request) if one.rows]
    trained = requests if trained is None else trained
    counts = {"question_vectors": len(pairs), "adapters_to_retrain": len(_stale(lake, trained))}
    counts["runs"] = len(reports_naming(lake, Mentions(plan.ids)))
    for name in dict.fromkeys([*(one.table for one in selections), *_OF_REQUESTS]):
        counts[name] = _count(
            lake, name, [one for one in every if one.table == name and one is not of_questions]
        )
    return replace(
        plan,
        contents=plan.contents
        + tuple(("request", request_subject(one)) for one in sorted(requests)),
        selections=tuple(every),
        request_ids=tuple(sorted(trained)),
        datasets=tuple(_datasets_of(lake, trained)),
        counts=counts,
    )


def carry_out(lake: Lakehouse, plan: Plan) -> None:
    """Delete the rows of a plan; what is gone already stays gone."""
    for selection in plan.selections:
        lake.delta(selection.table).delete_matching(selection.keys)
    _redact_runs(lake, Mentions(plan.ids))
    _mark_adapters(lake, set(plan.request_ids))


def _datasets_of(lake: Lakehouse, request_ids: Collection[str]) -> list[str]:
    """Datasets with an example of one of these requests."""
    sql = "SELECT DISTINCT example_id FROM log SEMI JOIN ids USING (request_id)"
    ids = column_table("request_id", request_ids)
    examples = set(lake.delta("training_examples").query(sql, ids=ids)["example_id"].to_pylist())
    if not examples:
        return []
    return sorted(
        one["dataset"]
        for one in lake.datasets.manifests()
        if examples & dict(one["examples"]).keys()
    )


def _stale(lake: Lakehouse, request_ids: set[str]) -> list[Any]:
    return [one for one in lake.adapters.current() if request_ids & set(one.trained_on)]


def _mark_adapters(lake: Lakehouse, request_ids: set[str]) -> None:
    now = datetime.now(UTC)
    why = "a request that it was trained on was erased"
    lake.adapters.append(
        replace(one, status="retrain", actor="an erasure", reason=why, run_id="", at=now)
        for one in _stale(lake, request_ids)
        if one.status != "retrain"
    )


def _count(lake: Lakehouse, table: str, selections: Sequence[Selection]) -> int:
    """Rows that one of the selections takes."""
    if not selections:
        return 0
    clauses = []
    for at, one in enumerate(selections):
        same = " AND ".join(f"log.{name} = k{at}.{name}" for name in one.columns)
        clauses.append(f"EXISTS (SELECT 1 FROM k{at} WHERE {same})")
    tables = {f"k{at}": one.keys for at, one in enumerate(selections)}
    sql = f"SELECT count(*) AS n FROM log WHERE {' OR '.join(clauses)}"
    return int(lake.delta(table).query(sql, **tables)["n"][0].as_py())


def _redact_runs(lake: Lakehouse, names: Mentions) -> None:
    """Take ids out of the reports of runs."""
    log = lake.delta("runs")
    rows = log.read().to_pylist()
    naming = [row for row in rows if names.are_in(row["report"])]
    for row in naming:
        row["report"] = canonical_json(names.without(json.loads(row["report"])))
    if naming:
        log.replace(rows)

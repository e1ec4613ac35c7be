"""Take a document or a user out of the Delta tables, bytes and all.

What goes is found first and written down (`Plan`), then deleted. So an erasure that was killed is
finished by its plan, whatever was deleted by then.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from lakehouse.chunks import QUESTIONS
from lakehouse.documents import Key
from lakehouse.erasures import Kind, document_subject, request_subject, user_subject
from lakehouse.lakehouse import Lakehouse
from lakehouse.mentions import Mentions
from lakehouse.rows import chunk_id
from lakehouse.suppression import PASSAGE, contents, passages
from schemas.hashing import canonical_json, sha256_text

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
_SHOWN = """
    SELECT DISTINCT unnest(context_chunks) AS chunk, unnest(context_texts) AS text FROM log
    WHERE len(context_chunks) = len(context_texts)
"""
_OCCURRENCES = 3  # of equal passages under one heading, that a lost version is tried for
# What was made of requests and votes: their columns that may name a document or tell its text.
DERIVED = {
    "triage": ("evidence", "documents"),
    "training_examples": ("example",),
    "synthetic_corrections": ("content",),
    "rejected_examples": ("details",),
    "evaluations": ("result",),
}
_OF_REQUESTS = ("requests", "votes", *DERIVED)
TOLD_AGAIN = {
    "requests": ("question", "response", "history", "prompt", "details", "guard", "route"),
    "votes": ("comment", "correction"),
}


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


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that go from one table: those that agree with one of `rows` in all of `columns`."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def keys(self) -> pa.Table:
        """The same as a table."""
        values = [[row[at] for row in self.rows] for at in range(len(self.columns))]
        return _table(values, list(self.columns))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an erasure does, so that whoever finds it can finish it.

    Attributes:
        receipt: the number of the erasure.
        at: when it was planned, as text.
        kind: of the subject.
        keys: (source, doc_id) of documents.
        user_id: of a user, else empty.
        same_text_elsewhere: ids of other documents with the same text, which stay.
        contents: (kind, name) of what is refused from now on.
        selections: rows that go.
        request_ids: what adapters may have been trained on.
        datasets: that hold an example of one of them.
        counts: how many rows go from each table, for the receipt.
        releases: (seq, documents, rows, digest) of releases without the documents.
    """

    receipt: str
    at: str
    kind: Kind
    keys: tuple[Key, ...] = ()
    user_id: str = ""
    same_text_elsewhere: tuple[str, ...] = ()
    contents: tuple[tuple[str, str], ...] = ()
    selections: tuple[Selection, ...] = ()
    request_ids: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    releases: tuple[tuple[int, int, int, str], ...] = ()

    @property
    def subjects(self) -> list[str]:
        """Names of what is erased, before they are keyed."""
        if self.kind == "user":
            return [user_subject(self.user_id)]
        return [document_subject(*key) for key in self.keys]

    @property
    def ids(self) -> list[str]:
        """What may be written in reports of runs."""
        return [self.user_id] if self.kind == "user" else [doc_id for _, doc_id in self.keys]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        values = dict(plain)
        for name in (
            "keys",
            "same_text_elsewhere",
            "contents",
            "request_ids",
            "datasets",
            "releases",
        ):
            values[name] = _tuples(plain[name])
        values["selections"] = tuple(
            Selection(one["table"], tuple(one["columns"]), _tuples(one["rows"]))
            for one in plain["selections"]
        )
        return cls(**values)


def _tuples(rows: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(tuple(row) if isinstance(row, list) else row for row in rows)


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


def documents_shown(lake: Lakehouse, doc_id: str, sources: Iterable[str]) -> set[str]:
    """Sources under which a passage of a document was shown, whatever became of its versions."""
    return {source for source in sources if _shown(lake, [(source, doc_id)], ())}


def plan_documents(
    lake: Lakehouse, found: Extent, chunk_ids: Collection[str], **common: Any
) -> Plan:
    """What goes with documents. `common` is the plan's receipt, at and releases.

    Requests go that were shown one of `chunk_ids`, a passage of a version that is gone since, or
    that tell a passage of the documents again; with them their votes and what was made of them.
    """
    told = _own_contents(lake, found)
    chunk_ids = {*chunk_ids, *_shown(lake, found.keys, found.text_hashes)}
    names = Mentions([doc_id for _, doc_id in found.keys])
    again = [passage for kind, _, passage in told if kind == PASSAGE]
    requests = _requests_with(lake, chunk_ids) | _tell_again(lake, again, names)
    selections = [
        _by_keys("document_changes", found.keys),
        _by_keys("access", found.keys),
        _of("chunks", "document_hash", found.document_hashes),
        _of("embeddings", "text_hash", found.text_hashes),
        _of(
            "quarantine",
            "id",
            [
                *_quarantined(lake, found.keys, names, again),
                *_refused(lake, request_ids=requests, chunk_ids=chunk_ids),
            ],
        ),
        Selection("source_files", ("source", "path"), _files(lake, found.keys)),
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
    user = _column("user_id", [user_id])
    requests = _ids_of(lake, "requests", user)
    voted = _ids_of(lake, "votes", user)
    selections = [
        _of("votes", "user_id", [user_id]),
        # What a user said of another's answer went into its verdict and into examples, too.
        *(_of(name, "request_id", voted - requests) for name in DERIVED),
        _of("quarantine", "id", _refused(lake, request_ids=requests, users=[user_id])),
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
    questions = lake.delta("requests").query(_QUESTIONS_OF, ids=_column("request_id", requests))
    vectors = lake.delta("embeddings").query(_VECTORS_OF, hashes=questions).to_pylist()
    pairs = sorted((row["embedder"], row["text_hash"]) for row in vectors)
    of_questions = Selection("embeddings", ("embedder", "text_hash"), tuple(pairs))
    by_request = [_of(name, "request_id", requests) for name in _OF_REQUESTS]
    if naming:
        by_request += [_naming(lake, name, columns, *naming) for name, columns in DERIVED.items()]
    every = [one for one in (*selections, of_questions, *by_request) if one.rows]
    trained = requests if trained is None else trained
    counts = {"question_vectors": len(pairs), "adapters_to_retrain": len(_stale(lake, trained))}
    counts["runs"] = len(_reports_naming(lake, Mentions(plan.ids)))
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


def is_empty(plan: Plan) -> bool:
    """Is there nothing of the subject?"""
    return not any(plan.counts.values()) and not plan.releases


def _own_contents(lake: Lakehouse, found: Extent) -> list[tuple[str, str, str]]:
    """(kind, name, text) of what the documents say and no other document ever said."""
    log = lake.delta("document_changes")
    sql = "SELECT DISTINCT text FROM log {} JOIN wanted USING (source, doc_id) WHERE op = 'put'"
    wanted = _keys(found.keys)
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


def _shown(lake: Lakehouse, keys: Collection[Key], text_hashes: Collection[str]) -> set[str]:
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
        wanted=_keys(keys),
    )
    sql = "SELECT DISTINCT heading FROM log SEMI JOIN hashes USING (document_hash)"
    headings: list[str] = lake.delta("chunks").query(sql, hashes=hashes)["heading"].to_pylist()
    return headings


def _requests_with(lake: Lakehouse, chunk_ids: Collection[str]) -> set[str]:
    shown = lake.delta("requests").query(
        "SELECT request_id FROM log WHERE list_has_any(context_chunks, (SELECT list(c) FROM ids))",
        ids=_column("c", chunk_ids),
    )
    return set(shown["request_id"].to_pylist())


def _tell_again(lake: Lakehouse, told: Sequence[str], names: Mentions) -> set[str]:
    """Requests of which a text, or a vote on them, repeats a passage, or whose log names an id."""
    found: set[str] = set()
    for table, columns in TOLD_AGAIN.items():
        for row in _rows(lake, table, ("request_id", *columns)):
            if _repeats(row, columns, told) or names.are_in(row.get("details") or ""):
                found.add(row["request_id"])
    return found


def _naming(
    lake: Lakehouse, table: str, columns: Sequence[str], names: Mentions, told: Sequence[str]
) -> Selection:
    """Rows of a table that name a document or repeat a passage, with all of the same request."""
    rows = _rows(lake, table, ("request_id", *columns))
    ids = {
        row["request_id"]
        for row in rows
        if _repeats(row, columns, told) or any(names.are_in(row[name]) for name in columns)
    }
    return _of(table, "request_id", ids)


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


def _quarantined(
    lake: Lakehouse, keys: Collection[Key], names: Mentions, told: Sequence[str]
) -> list[str]:
    wanted = set(keys)
    return [
        row["id"]
        for row in _rows(lake, "quarantine", ("id", "source", "doc_id", "value", "reason"))
        if (row["source"], row["doc_id"]) in wanted
        or _repeats(row, ("value", "reason"), told)
        or names.are_in(f"{row['value']}\n{row['reason']}")
    ]


def _ids_of(lake: Lakehouse, table: str, user: pa.Table) -> set[str]:
    sql = "SELECT DISTINCT request_id FROM log SEMI JOIN who USING (user_id)"
    return set(lake.delta(table).query(sql, who=user)["request_id"].to_pylist())


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


def _datasets_of(lake: Lakehouse, request_ids: Collection[str]) -> list[str]:
    """Datasets with an example of one of these requests."""
    sql = "SELECT DISTINCT example_id FROM log SEMI JOIN ids USING (request_id)"
    ids = _column("request_id", request_ids)
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


def _files(lake: Lakehouse, keys: Iterable[Key]) -> tuple[tuple[str, ...], ...]:
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


def _reports_naming(lake: Lakehouse, names: Mentions) -> list[int]:
    reports = lake.delta("runs").read(["report"])["report"].to_pylist()
    return [at for at, report in enumerate(reports) if names.are_in(report)]


def _redact_runs(lake: Lakehouse, names: Mentions) -> None:
    """Take ids out of the reports of runs."""
    log = lake.delta("runs")
    rows = log.read().to_pylist()
    naming = [row for row in rows if names.are_in(row["report"])]
    for row in naming:
        row["report"] = canonical_json(names.without(json.loads(row["report"])))
    if naming:
        log.replace(rows)


def _by_keys(table: str, keys: Collection[Key]) -> Selection:
    return Selection(table, ("source", "doc_id"), tuple(sorted(keys)))


def _of(table: str, column: str, values: Iterable[str]) -> Selection:
    return Selection(table, (column,), tuple((value,) for value in sorted(set(values))))


def _keys(keys: Collection[Key]) -> pa.Table:
    return _by_keys("", keys).keys


def _column(name: str, values: Iterable[str]) -> pa.Table:
    return _table([sorted(values)], [name])


def _table(columns: Sequence[Sequence[str]], names: list[str]) -> pa.Table:
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)

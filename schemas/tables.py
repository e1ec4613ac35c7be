"""Every Delta table, and the rows of an index, in one place."""

from __future__ import annotations

import pyarrow as pa

from schemas.feedback import Request, Triaged, Vote
from schemas.stored import (
    BYTES,
    FLAG,
    MOMENT,
    NUMBER,
    SMALL,
    TEXT,
    TEXTS,
    WHOLE,
    Column,
    StoredTable,
)

DOCUMENT_CHANGES = StoredTable(
    "document_changes",
    Column("source", TEXT),
    Column("doc_id", TEXT),
    Column("seq", WHOLE),
    Column("op", TEXT),  # put | delete
    Column("run_id", TEXT),
    Column("content_hash", TEXT, None),
    Column("document_hash", TEXT, None),
    Column("title", TEXT, None),
    Column("uri", TEXT, None),
    Column("media_type", TEXT, None),
    Column("bytes", WHOLE, None),
    Column("characters", WHOLE, None),
    Column("metadata", TEXT, None, json=True),
    Column("text", TEXT, None),
    statistics="seq",
)

CHUNKS = StoredTable(
    "chunks",
    Column("document_hash", TEXT),
    Column("chunker", TEXT),
    Column("ordinal", SMALL),
    Column("heading", TEXT),
    Column("text", TEXT),
    Column("text_hash", TEXT),
    Column("start", WHOLE),
    Column("end", WHOLE),
    Column("tokens", SMALL),
    statistics="ordinal",
)

EMBEDDINGS = StoredTable(
    "embeddings",
    Column("embedder", TEXT),
    Column("text_hash", TEXT),
    Column("vector", BYTES),  # little-endian float32, `dimension` of them
    statistics="embedder",
    partitions=["embedder"],
)

RELEASES = StoredTable(
    "releases",
    Column("seq", WHOLE),
    Column("index", TEXT),
    Column("kind", TEXT),  # publish | rollback | candidate | withdrawal
    Column("logical_time", MOMENT),
    Column("published_at", MOMENT),
    Column("run_id", TEXT),
    Column("snapshot_seq", WHOLE),
    Column("documents", WHOLE),
    Column("rows", WHOLE),
    Column("digest", TEXT),
    Column("chunker", TEXT),
    Column("embedder", TEXT),
    Column("embedder_identity", TEXT, json=True),
    Column("lance_table", TEXT),
    Column("lance_version", WHOLE),
    Column("lance_tag", TEXT),
    Column("search", TEXT, json=True),  # language, full-text and vector index
    Column("made_by", TEXT, json=True),  # code, reader, rules, libraries, threads
    Column("seal", TEXT, ""),  # of the first placement
    Column("note", TEXT, {}, json=True),  # of a rollback its target, reason and hold
    Column("format", WHOLE, 1),  # the storage format that it was written in
    statistics="seq",
)

PLACEMENTS = StoredTable(
    "placements",
    Column("seq", WHOLE),  # of the release
    Column("ordinal", WHOLE),  # greater is later
    Column("tier", TEXT),  # hot | cold | gone
    Column("lance_table", TEXT),
    Column("lance_version", WHOLE),
    Column("lance_tag", TEXT),
    Column("documents", WHOLE),
    Column("rows", WHOLE),
    Column("digest", TEXT),
    Column("seal", TEXT),  # SHA-256 of `sealed`
    Column("sealed", TEXT, json=True),  # the release's names, files, probes
    Column("cause", TEXT),  # why it was placed so
    Column("mark", TEXT),  # what a reader must know: that something was erased
    Column("run_id", TEXT),
    Column("at", MOMENT),
    statistics="seq",
)

SEALED_FILES = StoredTable(
    "sealed_files",
    Column("path", TEXT),  # inside the lakehouse
    Column("bytes", WHOLE),
    Column("sha256", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    statistics="ordinal",
)

ANN_MODELS = StoredTable(
    "ann_models",
    Column("lance_table", TEXT),
    Column("ivf", BYTES),  # Arrow IPC: the centroids
    Column("pq", BYTES),  # Arrow IPC: the codebook
    Column("subvectors", WHOLE),
    statistics="subvectors",
)

ERASURES = StoredTable(
    "erasures",
    Column("receipt", TEXT),
    Column("subject", TEXT),  # a hash: what was erased must not stand here
    Column("kind", TEXT),  # document | user
    Column("status", TEXT),  # started | erased | allowed
    Column("at", MOMENT),
    Column("report", TEXT, json=True),  # all that was touched
    Column("ordinal", WHOLE),  # greater is later
    statistics="ordinal",
)

QUARANTINE = StoredTable(
    "quarantine",
    Column("id", TEXT),
    Column("source", TEXT),
    Column("doc_id", TEXT),
    Column("expectation", TEXT),
    Column("severity", TEXT),
    Column("value", TEXT),
    Column("reason", TEXT),
    Column("status", TEXT),  # open | resolved | dismissed
    Column("run_id", TEXT),
    Column("at", MOMENT),  # the run's logical time
    Column("ordinal", WHOLE),  # greater is later
    Column("note", TEXT, {}, json=True),  # of a dismissed row: by, reason
    statistics="ordinal",
)

RUNS = StoredTable(
    "runs",
    Column("run_id", TEXT),
    Column("logical_time", MOMENT),
    Column("started_at", MOMENT),
    Column("finished_at", MOMENT),
    Column("status", TEXT),  # see lakehouse.runs; of other operations done | failed
    Column("report", TEXT, json=True),
    statistics="started_at",
    leased=False,  # several write at a time
)

SOURCE_FILES = StoredTable(
    "source_files",
    Column("source", TEXT),
    Column("path", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    Column("present", FLAG),
    Column("rules", TEXT),  # fingerprint of reader and expectations
    Column("documents", TEXTS),  # doc_id of what was accepted
    Column("hashes", TEXTS),  # its content_hash, in the same order
    Column("rejected", TEXTS),  # doc_id of what a must kept out
    Column("stamp", TEXT, None),
    statistics="ordinal",
)

ACCESS = StoredTable(
    "access",
    Column("source", TEXT),
    Column("doc_id", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    Column("principals", TEXTS),  # public | user:ID | group:ID; empty: nobody
    Column("origin", TEXT),  # connector | column | sidecar | rule
    Column("read_at", MOMENT),
    statistics="ordinal",
)

LEASE = StoredTable(
    "lease",
    Column("holder", TEXT),  # empty: given back
    Column("purpose", TEXT),
    Column("host", TEXT),
    Column("pid", WHOLE),
    Column("process_started", NUMBER),
    Column("expires_at", MOMENT),
    Column("process_space", TEXT, None),  # where its number means that process
    Column("since", MOMENT, None),
    Column("left", FLAG, False),  # a holder before may still live; see `lakehouse.lease`
    Column("ttl_seconds", NUMBER, None),
    statistics="expires_at",
    leased=False,  # several write at a time
)

REQUESTS = StoredTable(
    "requests",
    Column("request_id", TEXT),
    Column("asked_at", MOMENT),
    Column("user_id", TEXT),
    Column("question", TEXT),
    Column("context_chunks", TEXTS),  # chunk_id of each passage shown
    Column("details", TEXT, json=True),  # all else that the log had
    Column("context_texts", TEXTS, ()),  # in the order of context_chunks
    Column("response", TEXT, None),
    Column("session_id", TEXT, None),
    Column("history", TEXT, (), json=True),  # messages before the question
    Column("prompt", TEXT, (), json=True),  # messages as the model got them
    Column("release", WHOLE, None),
    Column("index_version", TEXT, None),
    Column("prompt_version", TEXT, None),
    Column("model", TEXT, None),
    Column("adapter", TEXT, None),
    Column("prompt_tokens", WHOLE, None),
    Column("completion_tokens", WHOLE, None),
    Column("latency_ms", NUMBER, None),
    Column("lang", TEXT, None),
    Column("content_hash", TEXT, None),
    statistics="asked_at",
    leased=False,  # several write at a time
    extended_by=Request,
    apart=["context"],
)

VOTES = StoredTable(
    "votes",
    Column("request_id", TEXT),
    Column("user_id", TEXT),
    Column("rated_at", MOMENT),
    Column("rating", WHOLE),  # 1 | -1
    Column("comment", TEXT, None),
    Column("correction", TEXT, None),
    Column("stated", FLAG, True),  # False: read from the request's own log line
    statistics="rated_at",
    leased=False,  # several write at a time
    extended_by=Vote,
)

TRIAGE = StoredTable(
    "triage",
    Column("request_id", TEXT),
    Column("ordinal", WHOLE),  # greater is later; the newest of a request counts
    Column("cause", TEXT),
    Column("action", TEXT),
    Column("fingerprint", TEXT),  # of all that the verdict depends on
    Column("evidence", TEXT, json=True),
    Column("documents", TEXT, json=True),  # [source, doc_id] that the work is on
    Column("run_id", TEXT),
    Column("at", MOMENT),
    statistics="ordinal",
    extended_by=Triaged,
)

TRIAGE_LABELS = StoredTable(
    "triage_labels",
    Column("request_id", TEXT),
    Column("ordinal", WHOLE),  # greater is later; the newest of a request counts
    Column("cause", TEXT),
    Column("labelled_by", TEXT),
    Column("at", MOMENT),
    Column("note", TEXT, ""),
    statistics="ordinal",
)

TRAINING_EXAMPLES = StoredTable(
    "training_examples",
    Column("example_id", TEXT),
    Column("request_id", TEXT),
    Column("example", TEXT, json=True),
    statistics="request_id",
)

SYNTHETIC_CORRECTIONS = StoredTable(
    "synthetic_corrections",
    Column("key", TEXT),  # of all that the teacher's answer and its verdict depend on
    Column("request_id", TEXT),
    Column("content", TEXT, json=True),  # the verdict and the answer
    statistics="request_id",
)

REJECTED_EXAMPLES = StoredTable(
    "rejected_examples",
    Column("dataset", TEXT),
    Column("request_id", TEXT),
    Column("reason", TEXT),
    Column("details", TEXT, json=True),  # the figure that decided, the other row
    statistics="dataset",
)

DATASETS = StoredTable(
    "datasets",
    Column("dataset", TEXT),  # SHA-256 over the manifest's examples, sides and rules
    Column("ordinal", WHOLE),  # greater is later
    Column("manifest", TEXT, json=True),  # no text of any example
    Column("run_id", TEXT),
    Column("at", MOMENT),
    statistics="ordinal",
)

SPLITS = StoredTable(
    "splits",
    Column("key", TEXT),  # hash of a question or of a session
    Column("side", TEXT),  # train | held_back
    Column("ordinal", WHOLE),  # the least of a key counts: no row ever changes side
    statistics="ordinal",
)

ADAPTERS = StoredTable(
    "adapters",
    Column("adapter_id", TEXT),
    Column("status", TEXT),  # a new row, greater in ordinal, changes it
    Column("trained_on", TEXTS),  # request_id of each example
    Column("recipe", TEXT, json=True),  # all that made it, files and metrics too
    Column("ordinal", WHOLE),  # greater is later
    Column("actor", TEXT, ""),  # who moved it
    Column("reason", TEXT, ""),
    Column("run_id", TEXT, ""),
    Column("at", MOMENT, None),
    statistics="ordinal",
)

EVALUATIONS = StoredTable(
    "evaluations",
    Column("adapter_id", TEXT),  # or the id of a gate of an assistant's version
    Column("request_id", TEXT),  # golden:<id> for a golden question
    Column("part", TEXT),  # held_back | golden | liked; gate: of an assistant's version
    Column("result", TEXT, json=True),  # both answers and their scores
    Column("ordinal", WHOLE),  # greater is later
    statistics="ordinal",
)

ROLLOUTS = StoredTable(
    "rollouts",
    Column("rollout", TEXT),
    Column("ordinal", WHOLE),  # greater is later; the newest of a rollout says where it is
    Column("assistant", TEXT),
    Column("candidate", TEXT),  # versions
    Column("current", TEXT),
    Column("share", NUMBER),  # of users that the candidate answers
    Column("state", TEXT),  # running | paused | promoted | rolled_back | expired
    Column("plan", TEXT, json=True),  # schedule and limits, the same in every row
    Column("statistics", TEXT, json=True),  # what the step rests on
    Column("actor", TEXT),
    Column("reason", TEXT),
    Column("at", MOMENT),
    statistics="ordinal",
)

JUDGEMENTS = StoredTable(
    "judgements",
    Column("request_id", TEXT),
    Column("judge", TEXT),  # the model, or none
    Column("ordinal", WHOLE),  # microseconds since 1970: greater is later
    Column("measure", TEXT),  # pair: which of two versions answered better
    Column("verdict", TEXT),  # candidate | current | equal | not_judged
    Column("score", NUMBER),  # of a pair 1, -1 or 0 for the candidate
    Column("reason", TEXT),
    Column("rollout", TEXT),
    Column("arm", TEXT),  # that answered the user
    Column("result", TEXT, json=True),  # the other version's answer, the judge's two verdicts
    Column("prompt", TEXT),  # SHA-256 of the judge's prompt
    Column("at", MOMENT),
    statistics="ordinal",
    leased=False,  # several write at a time
)

PROMPTS = StoredTable(
    "prompts",
    Column("prompt_id", TEXT),  # of its content
    Column("name", TEXT),
    Column("content", TEXT, json=True),  # template, roles, variables, examples
    Column("author", TEXT),
    Column("at", MOMENT),
    Column("ordinal", WHOLE),  # greater is later; a name's numbers 1, 2, ... go by it
    Column("note", TEXT, ""),
    Column("commit", TEXT, None),  # of the git repository that the file is in
    statistics="ordinal",
    leased=False,  # a server stores what it answers by, whoever writes meanwhile
)

ASSISTANT_VERSIONS = StoredTable(
    "assistant_versions",
    Column("version", TEXT),  # SHA-256 of the specification
    Column("assistant", TEXT),
    Column("spec", TEXT, json=True),
    Column("author", TEXT),
    Column("at", MOMENT),
    Column("ordinal", WHOLE),  # greater is later; the first row of a version counts
    Column("note", TEXT, ""),
    Column("followed", TEXT, None),  # of a frozen version, the one that it was made of
    statistics="ordinal",
    leased=False,
)

ASSISTANT_STAGES = StoredTable(
    "assistant_stages",
    Column("assistant", TEXT),
    Column("version", TEXT),
    Column("stage", TEXT),  # dev | staging | production | archived | rejected
    Column("actor", TEXT),
    Column("reason", TEXT),
    Column("at", MOMENT),
    Column("run_id", TEXT),
    Column("ordinal", WHOLE),  # greater is later
    Column("resolved", TEXT, {}, json=True),  # what its policies gave then
    statistics="ordinal",
    leased=False,  # a server that starts says what it answers by, whoever writes meanwhile
)

ASSISTANT_GATES = StoredTable(
    "assistant_gates",
    Column("gate_id", TEXT),  # of both versions, the questions and the measure
    Column("assistant", TEXT),
    Column("candidate", TEXT),
    Column("current", TEXT),
    Column("passed", FLAG),
    Column("verdict", TEXT, json=True),  # figures and ids of questions, no text of one
    Column("actor", TEXT),
    Column("at", MOMENT),
    Column("ordinal", WHOLE),  # greater is later
    statistics="ordinal",
    leased=False,
)

TABLES = {
    one.name: one
    for one in (
        DOCUMENT_CHANGES,
        CHUNKS,
        EMBEDDINGS,
        RELEASES,
        PLACEMENTS,
        SEALED_FILES,
        ANN_MODELS,
        ERASURES,
        QUARANTINE,
        RUNS,
        SOURCE_FILES,
        ACCESS,
        LEASE,
        REQUESTS,
        VOTES,
        TRIAGE,
        TRIAGE_LABELS,
        TRAINING_EXAMPLES,
        SYNTHETIC_CORRECTIONS,
        REJECTED_EXAMPLES,
        DATASETS,
        SPLITS,
        ADAPTERS,
        EVALUATIONS,
        ROLLOUTS,
        JUDGEMENTS,
        PROMPTS,
        ASSISTANT_VERSIONS,
        ASSISTANT_STAGES,
        ASSISTANT_GATES,
    )
}

# What a release needs of Delta; the others are reports, caches and locks.
SEALED_TABLES = ("document_changes", "chunks", "embeddings", "ann_models", "releases", "placements")


def index_schema(dimension: int) -> pa.Schema:
    """One row a chunk of a document, `vector` of shape (dimension,)."""
    return pa.schema(
        [
            pa.field("chunk_id", pa.string()),
            pa.field("source", pa.string()),
            pa.field("doc_id", pa.string()),
            pa.field("heading", pa.string()),
            pa.field("text", pa.string()),
            pa.field("text_hash", pa.string()),
            pa.field("row_hash", pa.binary(32)),
            pa.field("vector", pa.list_(pa.float32(), dimension)),
        ]
    )

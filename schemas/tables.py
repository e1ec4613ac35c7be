"""The Arrow schema of every Delta table and of an index, in one place."""

from __future__ import annotations

import pyarrow as pa

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")


def _table(*required: pa.Field, optional: tuple[pa.Field, ...] = ()) -> pa.Schema:
    return pa.schema([field.with_nullable(False) for field in required] + list(optional))


DOCUMENT_CHANGES = _table(
    pa.field("source", pa.string()),
    pa.field("doc_id", pa.string()),
    pa.field("seq", pa.int64()),
    pa.field("op", pa.string()),  # put | delete
    pa.field("run_id", pa.string()),
    optional=(
        pa.field("content_hash", pa.string()),
        pa.field("document_hash", pa.string()),
        pa.field("title", pa.string()),
        pa.field("uri", pa.string()),
        pa.field("media_type", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("characters", pa.int64()),
        pa.field("metadata", pa.string()),  # canonical JSON
        pa.field("text", pa.string()),
    ),
)

CHUNKS = _table(
    pa.field("document_hash", pa.string()),
    pa.field("chunker", pa.string()),
    pa.field("ordinal", pa.int32()),
    pa.field("heading", pa.string()),
    pa.field("text", pa.string()),
    pa.field("text_hash", pa.string()),
    pa.field("start", pa.int64()),
    pa.field("end", pa.int64()),
    pa.field("tokens", pa.int32()),
)

EMBEDDINGS = _table(
    pa.field("embedder", pa.string()),
    pa.field("text_hash", pa.string()),
    pa.field("vector", pa.binary()),  # little-endian float32, `dimension` of them
)

RELEASES = _table(
    pa.field("seq", pa.int64()),
    pa.field("index", pa.string()),
    pa.field("kind", pa.string()),  # publish | rollback | candidate
    pa.field("logical_time", UTC_MICROSECONDS),
    pa.field("published_at", UTC_MICROSECONDS),
    pa.field("run_id", pa.string()),
    pa.field("snapshot_seq", pa.int64()),
    pa.field("documents", pa.int64()),
    pa.field("rows", pa.int64()),
    pa.field("digest", pa.string()),
    pa.field("chunker", pa.string()),
    pa.field("embedder", pa.string()),
    pa.field("embedder_identity", pa.string()),  # canonical JSON
    pa.field("lance_table", pa.string()),
    pa.field("lance_version", pa.int64()),
    pa.field("lance_tag", pa.string()),
    pa.field("search", pa.string()),  # canonical JSON: language, full-text and vector index
    pa.field("made_by", pa.string()),  # canonical JSON: code, reader, rules, libraries, threads
    optional=(
        pa.field("seal", pa.string()),  # of the first placement
        pa.field("note", pa.string()),  # canonical JSON: of a rollback its target, reason and hold
    ),
)

PLACEMENTS = _table(
    pa.field("seq", pa.int64()),  # of the release
    pa.field("ordinal", pa.int64()),  # greater is later
    pa.field("tier", pa.string()),  # hot | cold | gone
    pa.field("lance_table", pa.string()),
    pa.field("lance_version", pa.int64()),
    pa.field("lance_tag", pa.string()),
    pa.field("documents", pa.int64()),
    pa.field("rows", pa.int64()),
    pa.field("digest", pa.string()),
    pa.field("seal", pa.string()),  # SHA-256 of `sealed`
    pa.field("sealed", pa.string()),  # canonical JSON: the release's names, files, probes
    pa.field("cause", pa.string()),  # why it was placed so
    pa.field("mark", pa.string()),  # what a reader must know: that something was erased
    pa.field("run_id", pa.string()),
    pa.field("at", UTC_MICROSECONDS),
)

SEALED_FILES = _table(
    pa.field("path", pa.string()),  # inside the lakehouse
    pa.field("bytes", pa.int64()),
    pa.field("sha256", pa.string()),
    pa.field("ordinal", pa.int64()),  # greater is later
)

ANN_MODELS = _table(
    pa.field("lance_table", pa.string()),
    pa.field("ivf", pa.binary()),  # Arrow IPC: the centroids
    pa.field("pq", pa.binary()),  # Arrow IPC: the codebook
    pa.field("subvectors", pa.int64()),
)

ERASURES = _table(
    pa.field("receipt", pa.string()),
    pa.field("subject", pa.string()),  # a hash: what was erased must not stand here
    pa.field("kind", pa.string()),  # document | user
    pa.field("status", pa.string()),  # started | erased | allowed
    pa.field("at", UTC_MICROSECONDS),
    pa.field("report", pa.string()),  # canonical JSON: all that was touched
    pa.field("ordinal", pa.int64()),  # greater is later
)

QUARANTINE = _table(
    pa.field("id", pa.string()),
    pa.field("source", pa.string()),
    pa.field("doc_id", pa.string()),
    pa.field("expectation", pa.string()),
    pa.field("severity", pa.string()),
    pa.field("value", pa.string()),
    pa.field("reason", pa.string()),
    pa.field("status", pa.string()),  # open | resolved
    pa.field("run_id", pa.string()),
    pa.field("at", UTC_MICROSECONDS),  # the run's logical time
    pa.field("ordinal", pa.int64()),  # greater is later
)

RUNS = _table(
    pa.field("run_id", pa.string()),
    pa.field("logical_time", UTC_MICROSECONDS),
    pa.field("started_at", UTC_MICROSECONDS),
    pa.field("finished_at", UTC_MICROSECONDS),
    pa.field("status", pa.string()),  # see lakehouse.runs; of other operations done | failed
    pa.field("report", pa.string()),  # canonical JSON
)

SOURCE_FILES = _table(
    pa.field("source", pa.string()),
    pa.field("path", pa.string()),
    pa.field("ordinal", pa.int64()),  # greater is later
    pa.field("present", pa.bool_()),
    pa.field("rules", pa.string()),  # fingerprint of reader and expectations
    pa.field("documents", pa.list_(pa.string())),  # doc_id of what was accepted
    pa.field("hashes", pa.list_(pa.string())),  # its content_hash, in the same order
    pa.field("rejected", pa.list_(pa.string())),  # doc_id of what a must kept out
    optional=(pa.field("stamp", pa.string()),),
)

ACCESS = _table(
    pa.field("source", pa.string()),
    pa.field("doc_id", pa.string()),
    pa.field("ordinal", pa.int64()),  # greater is later
    pa.field("principals", pa.list_(pa.string())),  # public | user:ID | group:ID; empty: nobody
    pa.field("origin", pa.string()),  # connector | column | sidecar | rule
    pa.field("read_at", UTC_MICROSECONDS),
)

LEASE = _table(
    pa.field("holder", pa.string()),  # empty: given back
    pa.field("purpose", pa.string()),
    pa.field("host", pa.string()),
    pa.field("pid", pa.int64()),
    pa.field("process_started", pa.float64()),
    pa.field("expires_at", UTC_MICROSECONDS),
    optional=(
        pa.field("process_space", pa.string()),  # where its number means that process
        pa.field("since", UTC_MICROSECONDS),
        pa.field("left", pa.bool_()),  # a holder before may still live; see `lakehouse.lease`
    ),
)

REQUESTS = _table(
    pa.field("request_id", pa.string()),
    pa.field("asked_at", UTC_MICROSECONDS),
    pa.field("user_id", pa.string()),
    pa.field("question", pa.string()),
    pa.field("context_chunks", pa.list_(pa.string())),  # chunk_id of each passage shown
    pa.field("details", pa.string()),  # canonical JSON: all else that the log had
    optional=(
        pa.field("context_texts", pa.list_(pa.string())),  # in the order of context_chunks
        pa.field("response", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("history", pa.string()),  # canonical JSON: messages before the question
        pa.field("prompt", pa.string()),  # canonical JSON: messages as the model got them
        pa.field("release", pa.int64()),
        pa.field("index_version", pa.string()),
        pa.field("prompt_version", pa.string()),
        pa.field("model", pa.string()),
        pa.field("adapter", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("latency_ms", pa.float64()),
        pa.field("lang", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("context_known", pa.bool_()),  # False: the log did not say what was shown
    ),
)

VOTES = _table(
    pa.field("request_id", pa.string()),
    pa.field("user_id", pa.string()),
    pa.field("rated_at", UTC_MICROSECONDS),
    pa.field("rating", pa.int64()),  # 1 | -1
    optional=(
        pa.field("comment", pa.string()),
        pa.field("correction", pa.string()),
        pa.field("stated", pa.bool_()),  # False: read from the request's own log line
    ),
)

TRIAGE = _table(
    pa.field("request_id", pa.string()),
    pa.field("ordinal", pa.int64()),  # greater is later; the newest of a request counts
    pa.field("cause", pa.string()),
    pa.field("action", pa.string()),
    pa.field("fingerprint", pa.string()),  # of all that the verdict depends on
    pa.field("evidence", pa.string()),  # canonical JSON
    pa.field("documents", pa.string()),  # canonical JSON: [source, doc_id] that the work is on
    pa.field("run_id", pa.string()),
    pa.field("at", UTC_MICROSECONDS),
)

TRAINING_EXAMPLES = _table(
    pa.field("example_id", pa.string()),
    pa.field("request_id", pa.string()),
    pa.field("example", pa.string()),  # canonical JSON
)

REJECTED_EXAMPLES = _table(
    pa.field("dataset", pa.string()),
    pa.field("request_id", pa.string()),
    pa.field("reason", pa.string()),
    pa.field("details", pa.string()),  # canonical JSON: the figure that decided, the other row
)

DATASETS = _table(
    pa.field("dataset", pa.string()),  # SHA-256 over the manifest's examples, sides and rules
    pa.field("ordinal", pa.int64()),  # greater is later
    pa.field("manifest", pa.string()),  # canonical JSON; no text of any example
    pa.field("run_id", pa.string()),
    pa.field("at", UTC_MICROSECONDS),
)

SPLITS = _table(
    pa.field("key", pa.string()),  # hash of a question or of a session
    pa.field("side", pa.string()),  # train | held_back
    pa.field("ordinal", pa.int64()),  # the least of a key counts: no row ever changes side
)

ADAPTERS = _table(
    pa.field("adapter_id", pa.string()),
    pa.field("status", pa.string()),  # a new row, greater in ordinal, changes it
    pa.field("trained_on", pa.list_(pa.string())),  # request_id of each example
    pa.field("recipe", pa.string()),  # canonical JSON: all that made it, files and metrics too
    pa.field("ordinal", pa.int64()),  # greater is later
    optional=(
        pa.field("actor", pa.string()),  # who moved it
        pa.field("reason", pa.string()),
        pa.field("run_id", pa.string()),
        pa.field("at", UTC_MICROSECONDS),
    ),
)

EVALUATIONS = _table(
    pa.field("adapter_id", pa.string()),
    pa.field("request_id", pa.string()),  # golden:<id> for a golden question
    pa.field("part", pa.string()),  # held_back | golden | liked
    pa.field("result", pa.string()),  # canonical JSON: both answers and their scores
    pa.field("ordinal", pa.int64()),  # greater is later
)

DELTA_TABLES: dict[str, pa.Schema] = {
    "document_changes": DOCUMENT_CHANGES,
    "chunks": CHUNKS,
    "embeddings": EMBEDDINGS,
    "releases": RELEASES,
    "quarantine": QUARANTINE,
    "runs": RUNS,
    "source_files": SOURCE_FILES,
    "access": ACCESS,
    "lease": LEASE,
    "placements": PLACEMENTS,
    "sealed_files": SEALED_FILES,
    "ann_models": ANN_MODELS,
    "erasures": ERASURES,
    "requests": REQUESTS,
    "votes": VOTES,
    "triage": TRIAGE,
    "training_examples": TRAINING_EXAMPLES,
    "rejected_examples": REJECTED_EXAMPLES,
    "datasets": DATASETS,
    "splits": SPLITS,
    "adapters": ADAPTERS,
    "evaluations": EVALUATIONS,
}
# Delta's log repeats the least and greatest values of these columns of each file, and of no other:
# an erasure must find no text in a log.
STATISTICS: dict[str, str] = {
    "document_changes": "seq",
    "chunks": "ordinal",
    "embeddings": "embedder",
    "releases": "seq",
    "quarantine": "ordinal",
    "runs": "started_at",
    "source_files": "ordinal",
    "access": "ordinal",
    "lease": "expires_at",
    "placements": "seq",
    "sealed_files": "ordinal",
    "ann_models": "subvectors",
    "erasures": "ordinal",
    "requests": "asked_at",
    "votes": "rated_at",
    "triage": "ordinal",
    "training_examples": "request_id",
    "rejected_examples": "dataset",
    "datasets": "ordinal",
    "splits": "ordinal",
    "evaluations": "ordinal",
    "adapters": "ordinal",
}
# Written by several at a time, without the lease; all others by its holder alone.
UNLEASED = ("lease", "runs", "requests", "votes")
PARTITIONS: dict[str, list[str]] = {"embeddings": ["embedder"]}


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

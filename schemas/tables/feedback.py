"""Requests and votes, and why a dislike happened."""

from __future__ import annotations

from schemas.feedback import Request, Triaged, Vote
from schemas.stored import FLAG, MOMENT, NUMBER, TEXT, TEXTS, WHOLE, Column, StoredTable

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

TABLES = (REQUESTS, VOTES, TRIAGE, TRIAGE_LABELS)

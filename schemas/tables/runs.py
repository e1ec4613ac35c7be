"""Runs, and the right to write."""

from __future__ import annotations

from schemas.stored import FLAG, MOMENT, NUMBER, TEXT, WHOLE, Column, StoredTable

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

TABLES = (RUNS, LEASE)

"""Examples, datasets, adapters and their evaluations."""

from __future__ import annotations

from schemas.stored import MOMENT, TEXT, TEXTS, WHOLE, Column, StoredTable

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

TABLES = (
    TRAINING_EXAMPLES,
    SYNTHETIC_CORRECTIONS,
    REJECTED_EXAMPLES,
    DATASETS,
    SPLITS,
    ADAPTERS,
    EVALUATIONS,
)

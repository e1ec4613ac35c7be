"""Every Delta table, and the rows of an index: one module a noun, one declaration a stored type."""

from __future__ import annotations

from schemas.tables import assistants, documents, feedback, releases, runs, training

TABLES = {
    table.name: table
    for table in (
        *documents.TABLES,
        *releases.TABLES,
        *runs.TABLES,
        *feedback.TABLES,
        *training.TABLES,
        *assistants.TABLES,
    )
}

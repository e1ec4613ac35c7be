"""What triage found as a page for the Prefect UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.feedback import ACTIONS

_SHOWN = 20


def triage_page(result: Mapping[str, Any]) -> str:
    """Dislikes by cause with what each calls for, and the head of the work list."""
    lines = [
        f"# Triage: {result['disliked']:,} disliked answers, {result['looked_into']:,} looked into",
        "",
        f"{result['new_model_faults']:,} model faults that nothing was trained on yet.",
        "",
        "| cause | requests | what it calls for |",
        "| --- | ---: | --- |",
    ]
    causes = result["causes"]
    lines += [f"| {cause} | {causes[cause]:,} | {ACTIONS[cause]} |" for cause in causes]
    work = result["work"]
    if work:
        lines += ["", "| document | cause | requests | for example |", "| --- | --- | ---: | --- |"]
        lines += [_row(row) for row in work[:_SHOWN]]
        lines += ["", f"All {len(work):,} rows: the artifact `triage-work-list`."]
    return "\n".join(lines) + "\n"


def _row(row: Mapping[str, Any]) -> str:
    where = f"{row['source']}: {row['doc_id']}" if row["doc_id"] else "(none)"
    cells = (where, row["cause"], f"{row['requests']:,}", row["example"][:120])
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"

"""The report of an import as a page for the Prefect UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COUNTS = ("total", "new", "known", "quarantined")


def import_page(result: Mapping[str, Any]) -> str:
    """What was in the files, what was taken, and what stands in the log now."""
    new = " and ".join(f"{result[name]['new']:,} {name}" for name in ("requests", "votes"))
    lines = [f"# Feedback: {new} new", "", f"| rows of | {' | '.join(_COUNTS)} |"]
    lines.append("| --- |" + " ---: |" * len(_COUNTS))
    for name in ("requests", "votes"):
        figures = " | ".join(f"{result[name][count]:,}" for count in _COUNTS)
        lines.append(f"| {name} | {figures} |")
    lines += ["", "| the log now | |", "| --- | ---: |"]
    lines += [f"| {name.replace('_', ' ')} | {n:,} |" for name, n in result["log"].items()]
    if result["quarantine"]:
        lines += ["", "| in quarantine | rule | severity | rows |", "| --- | --- | --- | ---: |"]
        lines += [
            f"| {row['table']} | {row['expectation']} | {row['severity']} | {row['rows']:,} |"
            for row in result["quarantine"]
        ]
        lines += ["", "All of them: `almanac quarantine list`."]
    return "\n".join(lines) + "\n"

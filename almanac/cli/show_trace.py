"""What `almanac trace` prints for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.cli.show import cut, safe, table

Report = Mapping[str, Any]
_COLUMNS = {
    "documents": ("doc_id", "change", "release", "as_of", "run"),
    "releases": ("release", "kind", "as_of", "tier", "documents", "rows", "run"),
    "requests": ("request", "asked_at", "user", "release", "votes", "question"),
    "verdicts": ("request", "cause", "release", "at", "run"),
    "examples": ("example", "request", "in_a_dataset"),
    "datasets": ("dataset", "at", "examples", "train", "held_back", "run"),
    "adapters": ("adapter", "step", "who", "at", "trained_on", "run"),
}
_HASHES = ("example", "dataset", "adapter")


def chain(result: Report) -> str:
    """The subject, the chain on one line, then each part of it that there is, newest first."""
    parts = result["chain"]
    numbers = " → ".join(f"{name} {parts[name]['total']:,}" for name in _COLUMNS)
    lines = [f"{result['kind']} {safe(result['id'])}", f"  {numbers}"]
    lines += [f"  {name:<13} {cut(str(said))}" for name, said in result["facts"].items() if said]
    for name in _COLUMNS:
        if parts[name]["total"]:
            lines += ["", *_part(name, parts[name])]
    return "\n".join(lines)


def _part(name: str, found: Report) -> list[str]:
    columns, rows = _COLUMNS[name], found["rows"]
    head = [column.replace("_", " ") for column in columns]
    body = table(head, [[_cell(column, row[column]) for column in columns] for row in rows])
    lines = [f"{name}: {found['total']:,}", *(f"  {line}" for line in body.splitlines())]
    if len(rows) < found["total"]:
        lines.append(f"  and {found['total'] - len(rows):,} more: --limit {found['total']}")
    return lines


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return str(value)[:12] if name in _HASHES else cut(str(value), 60)

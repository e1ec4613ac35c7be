"""What a backfill and the list of runs print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.cli.show import cut, table
from schemas.words import count

Report = Mapping[str, Any]
_NOTE = 90  # characters


def backfill(result: Report) -> str:
    """The steps, and how far the backfill is."""
    from almanac.schedule.backfill import headline

    if not result["steps"]:
        return "No time is missing."
    rows = [
        (
            step["at"],
            step["status"],
            _text(step["release"]),
            _text(step["documents"]),
            "" if step["seconds"] is None else f"{step['seconds']:.1f}",
            cut(step["note"], _NOTE),
        )
        for step in result["steps"]
    ]
    head = ("time", "status", "release", "documents", "seconds", "note")
    return f"{table(head, rows)}\n\n{headline(result)}"


def runs(result: Report) -> str:
    """Runs as a table."""
    rows = [
        (
            run["as_of"],
            run["status"],
            _text(run["release"]),
            run["started_at"][:19],
            run["run"][:8],
            cut(run["message"], _NOTE),
        )
        for run in result["runs"]
    ]
    if not rows:
        return "No time was missed." if result["missing"] else "Nothing ran yet: `almanac nightly`."
    lines = [table(("as of", "status", "release", "started", "run", "note"), rows)]
    if result["total"] > len(rows):
        lines.append(f"the newest {len(rows)} of {count(result['total'], 'row')}: --last")
    return "\n".join(lines)


def _text(value: int | None) -> str:
    return "" if value is None else str(value)

"""The report of an import as a page for the Prefect UI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.core.markdown import table

_COUNTS = ("total", "new", "known", "quarantined")
_QUARANTINE = ("table", "expectation", "severity", "rows")


def import_page(result: Mapping[str, Any]) -> str:
    """What was in the files, what was taken, what to do next, and what stands in the log now."""
    new = " and ".join(f"{result[name]['new']:,} {name}" for name in ("requests", "votes"))
    taken = ((name, *(result[name][count] for count in _COUNTS)) for name in ("requests", "votes"))
    now = ((name.replace("_", " "), n) for name, n in result["log"].items())
    lines = [f"# Feedback: {new} new", "", table(("rows of", *_COUNTS), taken), ""]
    lines += [table(("the log now", ""), now)]
    if result["quarantine"]:
        rows = ([row[name] for name in _QUARANTINE] for row in result["quarantine"])
        lines += ["", table(("in quarantine", "rule", "severity", "rows"), rows), ""]
        lines.append(
            "`almanac quarantine list` has each with its reason; mend the log and import it again: "
            "what is known is not taken twice."
        )
    return "\n".join(lines) + "\n"

"""Reports of restoring and retention as pages for the Prefect UI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = 50


def restore_page(result: Mapping[str, Any]) -> str:
    """What was, or would be, restored."""
    of = f"release {result['of']} of {result['as_of']}"
    done = {
        "publish": f"Published release {result.get('release')}, which answers as {of} did",
        "copy": f"Copied {of} to {result['uri']}",
        "reopen": f"Opened {of} again",
    }
    plan = {
        "publish": f"Dry run: would point readers back to {of}",
        "copy": f"Dry run: would copy {of} to {result['uri']}",
        "reopen": f"Dry run: would build {of} again",
    }
    lines = [f"# {(plan if result['dry_run'] else done)[result['mode']]}", ""]
    rows = [(name, result[name]) for name in ("documents", "rows", "digest", "model", "mark")]
    if result["dry_run"]:
        seen = result["against_now"]
        rows.append(("answers now", f"release {result['answers_now']}"))
        rows += [(f"documents that {name.replace('_', ' ')}", seen[name]) for name in seen]
    if "same_answers" in result:
        rows.append(("probes answer as they did", "yes" if result["same_answers"] else "NO"))
    rows += [("reason", result.get("reason", "")), ("seconds", result["seconds"])]
    return "\n".join([*lines, *_table(("", ""), rows)]) + "\n"


def retention_page(result: Mapping[str, Any]) -> str:
    """Tiers, what leaves its tier and why, and bytes."""
    tiers = ", ".join(f"{count} {tier}" for tier, count in sorted(result["tiers"].items()))
    head = "Retention: now" if result["applied"] else "Dry run: retention would leave"
    going = [row for row in result["releases"] if row["before"] != row["after"]]
    rows = [
        (row["release"], row["as_of"], f"{row['before']} → {row['after']}", row["bytes"],
         row["rule"])
        for row in going[:_SHOWN]
    ]  # fmt: skip
    lines = [f"# {head} {tiers or 'no release'}", ""]
    if rows:
        lines += _table(("release", "as of", "tier", "bytes of its own", "because"), rows)
        lines += ["", f"Releases that leave their tier: {len(going)}."]
    lines += [f"- No longer answered: {said}" for said in result["unanswerable"]]
    if result["applied"]:
        size = result["bytes"]
        lines += ["", f"{size['before']:,} bytes before, {size['after']:,} after, "
                  f"{size['referenced']:,} needed."]  # fmt: skip
    return "\n".join(lines) + "\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return lines + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _cell(value: Any) -> str:
    shown = "".join(char if char.isprintable() else "·" for char in str(value))
    return shown.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")

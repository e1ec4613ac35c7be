"""What `almanac diff` prints for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from almanac.cli.show import safe

Report = Mapping[str, Any]
_ROWS = 20  # of one list
_WIDTH = 60
_BEGINNING = 100  # characters of a passage


def difference(result: Report) -> str:
    """Two releases side by side: their documents, their passages, and one question to both."""
    lines = [_release(result["before"]), _release(result["after"])]
    lines += ["", result["note"]] if result["note"] else []
    lines += ["", *_totals(result)]
    lines += _documents(result["documents"]) + _passages(result["documents"]["modified"])
    if result["question"]:
        lines += _question(result["question"])
    return "\n".join(lines)


def _release(release: Report) -> str:
    held = f"{release['documents']} documents, {release['rows']} passages"
    return f"Release {release['seq']} as of {release['as_of']}: {held}, {safe(release['model'])}"


def _totals(result: Report) -> list[str]:
    documents, chunks = result["documents"], result["chunks"]
    changes = ("added", "modified", "removed", "moved")
    counts = ", ".join(f"{len(documents[change])} {change}" for change in changes)
    passages = ", ".join(f"{count} {change}" for change, count in chunks.items())
    return [
        f"  documents  {counts}, {documents['unchanged']} unchanged",
        f"  passages   {passages}",
    ]


def _documents(documents: Report) -> list[str]:
    rows = [
        (change, safe(one["doc_id"]), safe(one["title"]))
        for change in ("added", "modified", "removed")
        for one in documents[change]
    ]
    rows += [
        (
            "moved",
            f"{safe(one['from']['doc_id'])} → {safe(one['to']['doc_id'])}",
            safe(one["to"]["title"]),
        )
        for one in documents["moved"]
    ]
    return ["", *_table(rows)] if rows else []


def _passages(modified: Iterable[Report]) -> list[str]:
    rows = [
        (mark, safe(one["doc_id"]), _beginning(chunk))
        for one in modified
        if one["chunks"]
        for mark, change in (("-", "removed"), ("+", "added"))
        for chunk in one["chunks"][change]
    ]
    return ["", *_table(rows)] if rows else []


def _question(asked: Report) -> list[str]:
    lines = ["", f"{safe(asked['text'])}  ({asked['mode']}, {asked['k']} hits)"]
    if "error" in asked:
        return [*lines, f"  cannot be compared: {safe(asked['error'])}"]
    if not asked["hits"]:
        return [*lines, "  No hit in either release."]
    rows = [
        (_rank(hit["before"]), _rank(hit["after"]), safe(hit["doc_id"]), safe(hit["why"]))
        for hit in asked["hits"]
    ]
    return [*lines, *_table([("before", "after", "document", "why"), *rows], _ROWS + 1)]


def _rank(place: Report | None) -> str:
    return f"{place['rank']} ({place['score']:.4f})" if place else "-"


def _table(rows: Sequence[Sequence[str]], shown: int = _ROWS) -> list[str]:
    some = rows[:shown]
    widths = [min(_WIDTH, max(map(len, column))) for column in zip(*some, strict=True)]
    widths[-1] = 0
    lines = [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in some
    ]
    return lines + ([f"  and {len(rows) - shown} more: --json"] if len(rows) > shown else [])


def _beginning(chunk: Report) -> str:
    line = " ".join(chunk["text"].removeprefix(chunk["heading"]).split())
    return safe(line[:_BEGINNING] + ("…" if len(line) > _BEGINNING else ""))

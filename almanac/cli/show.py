"""What the command line prints for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from almanac.cli.passages import readable
from schemas.words import count

Report = Mapping[str, Any]
_SHOWN = 6
_SCALES = {
    "hybrid": "scores are ranks in both searches, fused, at most 0.0328",
    "vector": "scores are cosines, at most 1",
    "text": "scores are BM25, without an upper end",
}


def nightly(result: Report) -> str:
    """A run: what changed, what it cost, what was rejected, where the index is."""
    from almanac.ingest.report import count_lines, headline

    lines = [headline(result), ""]
    lines += [f"  {label:<10} {figures}" for label, figures in count_lines(result)]
    lines += _quarantined(result["quarantine"])
    seconds = result["seconds"]
    stages = ", ".join(f"{name} {seconds[name]:.1f}" for name in seconds if name != "total")
    lines += ["", f"  seconds    {seconds['total']:.1f} in all: {stages}"]
    return "\n".join(lines)


def _quarantined(kept: Report) -> list[str]:
    if not kept["rows"]:
        return []
    rules, musts = kept["by_rule"], [row for row in kept["first"] if row["severity"] == "must"]
    lines = ["", f"  in quarantine: {count(kept['rows'], 'row')}, {kept['new']} new"]
    lines += [
        f"    {rule['rows']} × {rule['expectation']} ({rule['severity']})"
        for rule in rules[:_SHOWN]
    ]
    if len(rules) > _SHOWN:
        lines.append(f"    and {count(len(rules) - _SHOWN, 'more rule')}")
    lines += [f"    {safe(row['doc_id'])}: {safe(row['reason'])}" for row in musts[:_SHOWN]]
    return [*lines, "    all of them: almanac quarantine list"]


def plan(result: Report) -> str:
    """What a run would do."""
    from almanac.ingest.report import unread_files

    counts = ", ".join(f"{number} {name}" for name, number in result["documents"].items())
    texts, price = result["chunks"], result["price"]
    cost = f", {price:.4f} at the configured price" if price else ""
    lines = [
        f"  documents  {counts}",
        f"  texts      {texts['in_changed_documents']} in changed documents, "
        f"{texts['to_embed']} of them to embed",
        f"  tokens     {result['tokens_to_embed']} with {result['embedder']}{cost}",
    ]
    if unread := unread_files(result):
        lines.insert(1, f"  not read   {unread}")
    lines += [f"  would stop {reason}" for reason in result["would_stop"]]
    return "\n".join(lines)


def history(result: Report) -> str:
    """Releases as a table."""
    rows = [
        (
            str(row["seq"]),
            row["logical_time"],
            row["kind"],
            row["tier"],
            str(row["documents"]),
            str(row["rows"]),
            row["embedder_identity"].get("model", ""),
            row["digest"][:16],
            _said(row),
        )
        for row in result["releases"]
    ]
    if not rows:
        place = result["lakehouse"]
        return f"No release yet in {place}: run `almanac nightly`, or correct --lakehouse."
    head = ("release", "as of", "kind", "tier", "documents", "rows", "model", "digest", "note")
    return table(head, rows)


def _said(row: Report) -> str:
    note = row["note"]
    reason = f": {note['reason']}" if note.get("reason") else ""
    what = ""
    if row["kind"] == "withdrawal":
        to = f"answers as release {note['to']}" if note.get("to") else "nothing answers"
        what = f"takes back release {note['of']}, {to}{reason}"
    elif note.get("of"):
        what = f"as release {note['of']}{reason}"
    by = row["withdrawn_by"]
    taken_back = f"taken back by release {by}" if by else ""
    held = "nights hold back" if note.get("hold") else ""
    refused = "not yet decided" if note.get("refused") else ""
    return "; ".join(filter(None, [what, taken_back, held, refused, row["mark"]]))


def search(result: Report) -> str:
    """Hits with the beginning of their text."""
    if not result["hits"]:
        return f"No hit in release {result['release']}."
    lines = [f"Release {result['release']}; {_SCALES[result['mode']]}:"]
    if result.get("far"):
        lines.append(
            "Nothing fits well: even the nearest passage is far from the question (cosine "
            f"{result['nearest_cosine']:.2f})."
        )
    for hit in result["hits"]:
        lines += ["", f"{hit['rank']:>3}. {safe(hit['doc_id'])}  ({hit['score']:.4f})"]
        heading, body = readable(hit["heading"], hit["text"])
        if heading:
            lines.append(f"     {safe(heading)}")
        lines.append("     " + safe(body[:240] + ("…" if len(body) > 240 else "")))
    return "\n".join(lines)


def documents(result: Report) -> str:
    """Documents as a table, or one with its text."""
    if "document" in result:
        return _document(result)
    rows = [
        (
            safe(row["doc_id"]),
            str(row["bytes"]),
            str(row["chunks"]),
            row["content_hash"][:12],
            safe(row["title"]),
        )
        for row in result["documents"]
    ]
    head = f"Release {result['release']} as of {result['as_of']}: {len(rows)} documents\n"
    return head + table(("document", "bytes", "chunks", "content", "title"), rows)


def _document(result: Report) -> str:
    stored, chunks = result["document"], result["chunks"]
    lines = [
        f"{safe(stored['doc_id'])}: {safe(stored['title'])}",
        f"release {result['release']} as of {result['as_of']}, {stored['bytes']} bytes, "
        f"{count(len(chunks), 'chunk')}, content {stored['content_hash'][:12]}",
        "",
        "".join(char if char.isprintable() or char in "\n\t" else "·" for char in result["text"]),
    ]
    return "\n".join(lines)


def quarantine(result: Report) -> str:
    """Rejections as a table."""
    rows = [
        (
            safe(row["doc_id"]),
            row["expectation"],
            row["severity"],
            row["at"],
            safe(row["reason"] + _dismissed(row)),
        )
        for row in result["rows"]
    ]
    dismissed = result.get("dismissed", 0)
    more = f"{count(dismissed, 'row')} dismissed: `almanac quarantine list --all` has them."
    if not rows:
        return "Nothing is in quarantine." + f" {more}" * bool(dismissed)
    shown = table(("document", "rule", "severity", "as of", "reason"), rows)
    return shown + f"\n\n{more}" * bool(dismissed)


def _dismissed(row: Report) -> str:
    if row["status"] != "dismissed":
        return " (mended)" if row["status"] == "resolved" else ""
    return f" (dismissed by {row['note'].get('by')}: {row['note'].get('reason')})"


def dismissed(result: Report) -> str:
    """What was dismissed, or would be."""
    verb = "Would dismiss" if result["dry_run"] else "Dismissed"
    rows = [(safe(row["doc_id"]), row["expectation"], row["source"]) for row in result["first"]]
    more = result["rows"] - len(rows)
    lines = [f"{verb} {count(result['rows'], 'row')} of quarantine:", ""]
    lines += [table(("document", "rule", "source"), rows)]
    return "\n".join(lines + [f"and {more:,} more"] * (more > 0))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as what is in them, at most 60 characters, the last as it is."""
    rows = list(rows)
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    widths = [min(width, 60) for width in widths[:-1]] + [0]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    )


def dollars(usd: str) -> str:
    """An amount with cents, or with as many digits as it needs below one."""
    amount = Decimal(usd)
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:,.6f}"


def cut(text: str, length: int = 100) -> str:
    """One line of at most `length` characters."""
    line = safe(" ".join(text.split()))
    return line if len(line) <= length else line[: length - 1] + "…"


def safe(text: str) -> str:
    """Text from a document on one line, control characters shown as dots."""
    return "".join(char if char.isprintable() else "·" for char in text)

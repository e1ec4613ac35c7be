"""The report of a nightly run as a page for the Prefect UI, and the rows of its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from almanac.core.markdown import LinkRun, Markup, code, first_of, quoted, table
from almanac.core.markdown import link as link_to
from almanac.ingest.report import count_lines, headline
from lakehouse.quarantine import Quarantined
from lakehouse.releases import Release
from schemas.times import isoformat

SHOWN = 20
_RELEASES = 8
_TITLES = {
    "refused": "Refused: nothing was published",
    "failed": "Failed: nothing was published",
    "missed": "Missed: the sources hold nothing for this time",
}


def night_page(
    result: Mapping[str, Any],
    next_steps: Sequence[str],
    releases: Sequence[Release] = (),
    link: LinkRun = code,
) -> str:
    """What came of the run, what to do next, and the figures behind it.

    Args:
        result: of `report.report`; what it says was refused or failed has its reason in `message`.
        next_steps: lines of Markdown; of `next_steps`.
        releases: newest first; the first of them are shown.
    """
    parts = [
        _head(result, link),
        _listed("What to do next", next_steps),
        _changed(result),
        _quarantined(result["quarantine"]),
        _failed_checks(result["checks"]),
        _releases(releases, link),
        _seconds(result["seconds"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(result: Mapping[str, Any], link: LinkRun) -> str:
    lines = [f"# {_TITLES.get(result['status']) or quoted(headline(result), 2_000)}", ""]
    if result["status"] in _TITLES:
        lines += [quoted(result["message"], 2_000), ""]
    if result["caught_up"]:
        lines += [quoted(result["caught_up"], 1_000), ""]
    rows: list[tuple[str, str]] = [one for one in count_lines(result) if one[1]]
    if recall := result["recall"]:
        figure = f"{recall['mean']:.4f} on {recall['questions']} golden questions"
        rows.append((f"recall@{recall['k']}", figure))
    if result["cost"]:
        rows.append(("cost", f"{result['cost']:.4f} for {result['tokens_embedded']:,} tokens"))
    rows += [
        (f"Data Docs of {source}", _address(where)) for source, where in result["data_docs"].items()
    ]
    lines += [table(("", ""), rows), ""]
    return "\n".join([*lines, f"Run {link(result['run'])}, as of {result['as_of']}."])


def _address(where: str) -> Markup:
    return link_to(where, where) if where.startswith("http") else code(where)


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *(f"- {line}" for line in lines)]) if lines else ""


def _changed(result: Mapping[str, Any]) -> str:
    """The names of what came, changed and went."""
    rows, counts = result["changed"], result["documents"]
    if not rows:
        return ""
    published = result["published"]
    named = ((row["change"], code(row["doc_id"]), row["source"]) for row in rows)
    lines = ["## What changed" if published else "## What has changed in the sources", ""]
    lines += [table(("", "document", "source"), named), ""]
    total = sum(counts.get(name, 0) for name in ("added", "modified", "deleted"))
    if published:
        every = f"almanac trace release:{result['release']} --limit {total}"
        lines.append(first_of(len(rows), total, every))
    elif len(rows) < total:
        lines.append(f"The first {len(rows):,} of {total:,}.")  # no command names the others
    return "\n".join(lines).rstrip()


def _quarantined(kept: Mapping[str, Any]) -> str:
    if not kept["rows"]:
        return ""
    lines = [f"## In quarantine: {kept['rows']:,}, new in this run: {kept['new']:,}", ""]
    by_rule = ((row["expectation"], row["severity"], row["rows"]) for row in kept["by_rule"])
    lines += [table(("rule", "severity", "rows"), by_rule), ""]
    rows = (
        (code(row["doc_id"]), row["expectation"], row["severity"], row["reason"])
        for row in kept["first"]
    )
    lines += [table(("document", "rule", "severity", "reason"), rows), ""]
    lines.append(first_of(len(kept["first"]), kept["rows"], "almanac quarantine list"))
    return "\n".join(lines).rstrip()


def _failed_checks(checks: Sequence[Mapping[str, Any]]) -> str:
    if not checks:
        return ""
    head = ("suite", "expectation", "severity", "checked", "failed", "reason")
    rows = ([check[name] for name in head] for check in checks[:SHOWN])
    return "## Checks that failed\n\n" + table(head, rows)


def _releases(releases: Sequence[Release], link: LinkRun) -> str:
    if not releases:
        return ""
    head = ("release", "as of", "kind", "tier", "documents", "rows", "embedder", "run")
    rows = (
        (
            one.seq,
            isoformat(one.logical_time),
            one.kind,
            one.tier,
            one.documents,
            one.rows,
            one.embedder_identity.get("model", ""),
            link(one.run_id),
        )
        for one in releases[:_RELEASES]
    )
    lines = ["## Releases", "", table(head, rows), ""]
    lines.append(first_of(min(len(releases), _RELEASES), len(releases), "almanac history"))
    return "\n".join(lines).rstrip()


def _seconds(seconds: Mapping[str, float]) -> str:
    rows = ((stage, round(spent, 2)) for stage, spent in seconds.items())
    return "## Seconds\n\n" + table(("stage", "seconds"), rows)


def quarantine_rows(standing: Iterable[Quarantined]) -> list[dict[str, Any]]:
    """What stands in quarantine, musts first."""
    return [
        {
            "document": row.doc_id,
            "source": row.source,
            "rule": row.expectation,
            "severity": row.severity,
            "reason": row.reason,
            "value": row.value,
            "since": isoformat(row.at),
        }
        for row in sorted(standing, key=lambda row: row.severity)
    ]


def release_rows(
    releases: Iterable[Release], address: Callable[[str], str | None]
) -> list[dict[str, Any]]:
    """Releases, newest first, with the addresses of the runs that made them."""
    return [
        {
            "release": one.seq,
            "as of": isoformat(one.logical_time),
            "kind": one.kind,
            "tier": one.tier,
            "rows": one.rows,
            "documents": one.documents,
            "embedder": one.embedder_identity.get("model", ""),
            "digest": one.digest[:16],
            "run": address(one.run_id) or one.run_id,
        }
        for one in releases
    ]

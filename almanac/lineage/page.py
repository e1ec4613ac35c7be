"""A chain as a page for the Prefect UI, and as rows of one table."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from almanac.core.markdown import LinkRun, Markup, code, first_of, quoted, table
from almanac.lineage.follow import SECTIONS

_TITLES = {
    "documents": "Versions of documents",
    "releases": "Releases",
    "requests": "Answers",
    "verdicts": "Verdicts of triage on them",
    "examples": "Training examples made of them",
    "datasets": "Datasets",
    "adapters": "Steps of adapters",
}
# Of each section the columns that a person reads; the command line has all of them with --json.
_COLUMNS = {
    "documents": ("doc_id", "change", "release", "as_of", "run"),
    "releases": ("release", "kind", "as_of", "tier", "documents", "rows", "embedder", "run"),
    "requests": ("request", "asked_at", "user", "release", "votes", "question"),
    "verdicts": ("request", "cause", "release", "documents", "at", "run"),
    "examples": ("example", "request", "in_a_dataset"),
    "datasets": ("dataset", "at", "examples", "train", "held_back", "left_out", "run"),
    "adapters": ("adapter", "step", "who", "reason", "at", "trained_on", "run"),
}
_NAMES = {
    "documents": "versions of documents",
    "requests": "answers",
    "adapters": "steps of adapters",
}
_HASHES = ("example", "dataset", "adapter")
_CODE = ("doc_id", "request", *_HASHES)
_DIGITS = 12  # of a hash, which is enough to name it


def trace_page(result: Mapping[str, Any], link: LinkRun = code) -> str:
    """The chain on one line, and each of its sections; runs as `link` writes them."""
    kind, name, chain = result["kind"], result["id"], result["chain"]
    lines = [f"# Trace of {kind} {quoted(_short(kind, name))}", ""]
    lines += [_drawn(chain), "", table(("", ""), _facts(result["facts"], link))]
    for section in SECTIONS:
        found = chain[section]
        if found["total"]:
            lines += ["", f"## {_TITLES[section]}: {found['total']:,}", ""]
            lines += [_section(section, found["rows"], link), ""]
            every = trace_command(result, section)
            lines.append(first_of(len(found["rows"]), found["total"], every))
    lines += ["", "Any id on this page can be traced in turn: this flow, or `almanac trace ID`."]
    return "\n".join(lines) + "\n"


def trace_command(result: Mapping[str, Any], *sections: str) -> str:
    """What has all rows of these sections, or of all, on the command line; ids may be any text."""
    most = max(result["chain"][section]["total"] for section in sections or SECTIONS)
    return f"almanac trace {shlex.quote(result['spelled'])} --limit {most}"


def trace_rows(
    result: Mapping[str, Any], address: Callable[[str], str | None]
) -> Iterator[dict[str, Any]]:
    """One row a link of the chain: what it is, its id, when, who, and the address of its run."""
    for section in SECTIONS:
        for row in result["chain"][section]["rows"]:
            name = str(next(row[key] for key in (*_CODE, "release") if row.get(key)))
            yield {
                "what": section,
                "id": name,
                "said": ", ".join(str(row[key]) for key in _SAID if row.get(key)),
                "when": next((row[key] for key in _WHEN if row.get(key)), ""),
                "who": row.get("who") or row.get("user") or "",
                "run": address(row["run"]) or row["run"] if row.get("run") else "",
            }


_SAID = ("change", "kind", "cause", "step", "votes", "question", "reason")
_WHEN = ("at", "asked_at", "as_of")


def _section(section: str, rows: list[Mapping[str, Any]], link: LinkRun) -> str:
    columns = _COLUMNS[section]
    head = [name.replace("_", " ") for name in columns]
    return table(head, ([_cell(name, row[name], link) for name in columns] for row in rows))


def _cell(name: str, value: Any, link: LinkRun) -> Any:
    if name == "run":
        return link(value) if value else ""
    if name in _CODE and value:
        return code(_short(name, value))
    if name == "documents" and isinstance(value, list):
        return Markup(", ".join(code(doc_id) for _, doc_id in value))
    if isinstance(value, Mapping):
        return ", ".join(f"{number} {reason}" for reason, number in value.items())
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


def _short(kind: str, name: str) -> str:
    return name[:_DIGITS] if kind in _HASHES else name


def _facts(facts: Mapping[str, Any], link: LinkRun) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if value in (None, "", {}, []):
            continue
        if isinstance(value, list):
            for row in value:
                yield name.replace("_", " "), ", ".join(map(str, row.values()))
        elif isinstance(value, Mapping):
            said = (f"{key}: {one}" for key, one in value.items() if not isinstance(one, Mapping))
            yield name.replace("_", " "), ", ".join(said)
        else:
            yield name.replace("_", " "), link(value) if name == "run" else value


def _drawn(chain: Mapping[str, Any]) -> str:
    """The chain on one line, with its numbers."""
    return " → ".join(f"{_NAMES.get(one, one)} {chain[one]['total']:,}" for one in SECTIONS)

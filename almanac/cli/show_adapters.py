"""What the verbs over adapters print for people."""

from __future__ import annotations

from almanac.cli.show import Report, cut, safe, table
from schemas.words import count

_REASON = 80  # of its characters in a table


def listing(result: Report) -> str:
    """A line an adapter, after what calls for a person."""
    rows = [
        (
            one["adapter"][:12],
            one["stage"] + (" RETRAIN" if one["retrain"] else ""),
            one["name"],
            one["method"] or "",
            (one["dataset"] or "")[:12],
            one["at"] or "",
            safe(one["actor"]),
            cut(one["reason"], _REASON),
        )
        for one in result["adapters"]
    ]
    if not rows:
        return "No adapter yet: a tune offers one."
    head = ("adapter", "stage", "name", "method", "dataset", "since", "by", "reason")
    return "\n".join([*_warnings(result), table(head, rows)])


def showing(result: Report) -> str:
    """Where it stands, what made it, its files and its steps."""
    record = result["record"]
    base = record.get("base") or {}
    lines = [
        *_warnings(result),
        f"{result['adapter']}: {result['stage']}, asked for as {result['served_as']}",
        f"  base       {base.get('name', '')} {base.get('revision', '')}".rstrip(),
        f"  trained    {record.get('method', '')} on dataset {(record.get('dataset') or '')[:12]}, "
        f"{count(result['examples_of'], 'request')}",
        f"  the gate   {'offered it' if record.get('offered') else 'refused it'}",
        *(f"    - {safe(reason)}" for reason in record.get("reasons", [])),
    ]
    lines += [
        f"  {'file' if one['whole'] else 'BROKEN':<10} {one['path']} ({one['bytes']} bytes, "
        f"sha256 {one['sha256'][:16]}…)"
        for one in result["files"]
    ]
    return "\n".join([*lines, "", history(result)])


def history(result: Report) -> str:
    """The audit as a table."""
    rows = [
        (
            one["at"] or "",
            one["adapter"][:12],
            one["to"],
            safe(one["actor"]),
            one["run_id"],
            cut(one["reason"], _REASON),
        )
        for one in result["steps"]
    ]
    if not rows:
        return "No adapter has taken a step yet."
    return table(("at", "adapter", "to", "by", "run", "reason"), rows)


def moved(result: Report) -> str:
    """The steps that were taken, and what answers now."""
    lines = [
        f"Adapter {one['adapter'][:12]} is now {_PLACES.get(one['to'], one['to'])}."
        for one in result["steps"]
    ]
    if "waits_for" in result:
        lines = [f"Approved once; it waits for {safe(result['waits_for'])}."]
    answers = result["production"]
    lines.append(f"  in production: {answers[:12] if answers else 'none, the base model alone'}")
    if "mirror" in result:
        lines.append(f"  MLflow: {safe(result['mirror'])}")
    return "\n".join(lines)


_PLACES = {"staging": "in staging", "production": "in production"}


def fetched(result: Report) -> str:
    """Where the files are and how vLLM takes them."""
    return "\n".join(
        [
            *_warnings(result),
            f"Wrote {count(len(result['files']), 'file')} to {result['folder']}, hashes checked.",
            f"  {result['vllm']}",
        ]
    )


def serving(result: Report) -> str:
    """Address and name."""
    return "\n".join(
        [
            *_warnings(result),
            f"Serving adapter {result['adapter'][:12]}; ask for the model by its name. "
            "Ctrl-C ends it.",
            f"  address  {result['address']}",
            f"  model    {result['model']}",
        ]
    )


def _warnings(result: Report) -> list[str]:
    return [f"WARNING: {safe(one)}" for one in result["warnings"]]

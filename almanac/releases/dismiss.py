"""Take rows out of quarantine that a person has looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from almanac.core.operation import Operation, operation
from lakehouse.quarantine import Quarantined
from schemas.errors import ConfigError
from schemas.settings import Settings
from schemas.times import isoformat

_SHOWN = 20


def dismiss(
    settings: Settings,
    *,
    ids: tuple[str, ...] = (),
    source: str | None = None,
    rule: str | None = None,
    reason: str,
    by: str,
    dry_run: bool = False,
    run_id: str | None = None,
) -> dict[str, Any]:
    """Dismiss the open rows that meet all of what is given; they are kept, and so is who said so.

    A dismissed row stays so as long as the same thing is found: the same document with the same
    fault. Another fault of the document, or the same one after it was mended, is a new row.

    Args:
        ids: the ids of rows, or of documents and requests.
        source: as the row names it: a source, feedback/requests or feedback/votes.

    Returns:
        `rows` (how many), `by_rule`, `first` (of the rows), and what was said of them.

    Raises:
        ConfigError: nothing is named, no reason is given, or no open row is meant.
    """
    if not (ids or source or rule):
        raise ConfigError("say which rows: their ids, --source NAME or --rule NAME")
    if not reason.strip():
        raise ConfigError("say why: --reason TEXT is kept with the rows")
    note = {"by": by, "reason": reason}
    if dry_run:
        chosen = _chosen(Operation(settings, "dismissal", run_id), ids, source, rule)
        return _report(chosen, note) | {"dry_run": True}
    with operation(settings, "dismissal", run_id) as (run, _):
        chosen = _chosen(run, ids, source, rule)
        run.lake.quarantine.dismiss(chosen, note, run.run_id, run.started_at)
        run.report = _report(chosen, note)
    return run.report | {"dry_run": False}


def _chosen(
    run: Operation, ids: tuple[str, ...], source: str | None, rule: str | None
) -> list[Quarantined]:
    rows = run.lake.quarantine.rows()
    known = {name for row in rows for name in (row.id, row.doc_id)}
    if unknown := [one for one in ids if one not in known]:
        raise ConfigError(_nothing(f"with the id {unknown[0]}"))
    chosen = [
        row
        for row in rows
        if (not ids or row.id in ids or row.doc_id in ids)
        and source in (None, row.source)
        and rule in (None, row.expectation)
    ]
    if not chosen:
        said = [f"{name} {value}" for name, value in (("source", source), ("rule", rule)) if value]
        raise ConfigError(_nothing(f"of {' and '.join(said)}"))
    return chosen


def _nothing(which: str) -> str:
    return (
        f"no open row {which} stands in quarantine: `almanac quarantine list --json` has their "
        "ids, sources and rules"
    )


def _report(rows: list[Quarantined], note: dict[str, str]) -> dict[str, Any]:
    rules = Counter(row.expectation for row in rows)
    first = [asdict(row) | {"at": isoformat(row.at)} for row in rows[:_SHOWN]]
    names = ("id", "source", "doc_id", "expectation", "severity", "reason", "at")
    return {
        "rows": len(rows),
        "by_rule": dict(sorted(rules.items())),
        "first": [{name: row[name] for name in names} for row in first],
        "note": note,
    }

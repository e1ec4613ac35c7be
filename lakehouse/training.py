"""Datasets and adapters as they stand in Delta: immutable by content, moved by new rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from lakehouse.columns import id_column
from lakehouse.delta import DeltaLog
from lakehouse.feedback import next_ordinal
from schemas.errors import AdapterRefused, DatasetRefused
from schemas.examples import Example, Side
from schemas.tables.training import ADAPTERS, DATASETS, REJECTED_EXAMPLES

_SIDES = "SELECT key, arg_min(side, ordinal) AS side FROM log GROUP BY key"
_BEGINNING = """
    SELECT DISTINCT {column} AS name FROM log, wanted WHERE starts_with({column}, wanted.id)
    ORDER BY 1 LIMIT 10
"""
_EXAMPLES_OF = """
    SELECT DISTINCT example_id, request_id FROM log SEMI JOIN wanted ON request_id = id
    ORDER BY request_id, example_id
"""
_REJECTIONS_OF = """
    SELECT dataset, reason, count(DISTINCT request_id) AS n FROM log
    SEMI JOIN wanted ON request_id = id GROUP BY ALL ORDER BY dataset, reason
"""
_CURRENT = """
    SELECT * EXCLUDE (nth) FROM (
        SELECT *, row_number() OVER (PARTITION BY adapter_id ORDER BY ordinal DESC) AS nth FROM log
    ) WHERE nth = 1 ORDER BY ordinal DESC, adapter_id
"""


@dataclass(frozen=True, slots=True)
class Rejected:
    """One request or example that a guard kept out of a dataset, and the figure that decided."""

    request_id: str
    reason: str
    details: Mapping[str, Any]


class DatasetLog:
    """`datasets`, `training_examples`, `rejected_examples`, `splits`."""

    def __init__(
        self, datasets: DeltaLog, examples: DeltaLog, rejected: DeltaLog, splits: DeltaLog
    ) -> None:
        self._datasets, self._examples = datasets, examples
        self._rejected, self._splits = rejected, splits

    def sides(self) -> dict[str, Side]:
        """The side of each question and session that was ever drawn, by its hash."""
        return {row["key"]: row["side"] for row in self._splits.query(_SIDES).to_pylist()}

    def keep_sides(self, drawn: Mapping[str, Side]) -> None:
        """Remember sides; a key that has one keeps it."""
        known = self.sides()
        ordinal = next_ordinal(self._splits)
        fresh = sorted(key for key in drawn if key not in known)
        rows = [{"key": key, "side": drawn[key], "ordinal": ordinal} for key in fresh]
        self._splits.append(rows)

    def manifests(self) -> list[dict[str, Any]]:
        """The manifest of every dataset, newest first, each with `dataset`, `run_id` and `at`."""
        rows = self._datasets.query("SELECT * FROM log ORDER BY ordinal DESC").to_pylist()
        return [_manifest(row) for row in rows]

    def manifest(self, name: str | None = None) -> dict[str, Any]:
        """The manifest of the dataset whose hash begins so; the newest for None.

        Raises:
            DatasetRefused: there is none, or several begin so.
        """
        every = self.manifests()
        if not every:
            raise DatasetRefused("there is no dataset yet: `almanac dataset build` makes one")
        found = [one for one in every if one["dataset"].startswith(name)] if name else every[:1]
        if len(found) != 1:
            known = ", ".join(one["dataset"][:12] for one in every[:5])
            raise DatasetRefused(f"{len(found)} datasets begin with {name!r}; the newest: {known}")
        return found[0]

    def publish(
        self,
        name: str,
        manifest: Mapping[str, Any],
        examples: Iterable[Example],
        rejected: Iterable[Rejected],
        run_id: str,
        at: datetime,
    ) -> bool:
        """Store a dataset, its row in `datasets` last; False where it stands there already."""
        self._keep_examples(examples)  # also of a known one: some may have been erased since
        if any(one["dataset"] == name for one in self.manifests()):
            return False
        self._rejected.delete_matching(pa.table({"dataset": [name]}))  # of a run that was killed
        self._rejected.append([REJECTED_EXAMPLES.to_row(one, dataset=name) for one in rejected])
        row = DATASETS.to_row(
            dataset=name,
            manifest=manifest,
            run_id=run_id,
            at=at,
            ordinal=next_ordinal(self._datasets),
        )
        self._datasets.append([row])
        return True

    def examples(self, manifest: Mapping[str, Any]) -> list[Example]:
        """The examples of a manifest, in its order.

        Raises:
            DatasetRefused: some were erased since; a dataset is whole or not at all.
        """
        sides: dict[str, Side] = dict(manifest["examples"])
        rows = self._examples.query(
            "SELECT DISTINCT example_id, example FROM log SEMI JOIN wanted USING (example_id)",
            wanted=_column(sides),
        )
        found = {row["example_id"]: row["example"] for row in rows.to_pylist()}
        if missing := len(sides.keys() - found.keys()):
            raise DatasetRefused(
                f"{missing} of {len(sides)} examples of dataset {manifest['dataset'][:12]} were "
                "erased since it was built: `almanac dataset build` makes a new one"
            )
        return [Example.from_json(json.loads(found[one]), side) for one, side in sides.items()]

    def rejected(self, name: str) -> list[Rejected]:
        """What the guards kept out of a dataset, by reason and request."""
        rows = self._rejected.query(
            "SELECT * FROM log SEMI JOIN wanted USING (dataset) ORDER BY reason, request_id",
            wanted=pa.table({"dataset": [name]}),
        ).to_pylist()
        return [REJECTED_EXAMPLES.read(Rejected, row) for row in rows]

    def datasets_beginning(self, text: str) -> list[str]:
        """Datasets whose hash begins so, in order, at most ten."""
        return _beginning(self._datasets, "dataset", text)

    def examples_beginning(self, text: str) -> list[str]:
        """Examples whose id begins so, in order, at most ten."""
        return _beginning(self._examples, "example_id", text)

    def examples_of(self, request_ids: Collection[str]) -> list[dict[str, str]]:
        """`example_id` and `request_id` of the examples of these requests, by request, then id."""
        wanted = id_column(request_ids)
        rows: list[dict[str, str]] = self._examples.query(_EXAMPLES_OF, wanted=wanted).to_pylist()
        return rows

    def requests_of(self, example_ids: Collection[str]) -> set[str]:
        """Ids of the requests that these examples were made of."""
        sql = "SELECT DISTINCT request_id FROM log SEMI JOIN wanted ON example_id = id"
        rows = self._examples.query(sql, wanted=id_column(example_ids))
        return set(rows["request_id"].to_pylist())

    def rejections_of(self, request_ids: Collection[str]) -> dict[str, dict[str, int]]:
        """Of each dataset, how many of these requests a guard kept out, by reason."""
        counts: dict[str, dict[str, int]] = {}
        rows = self._rejected.query(_REJECTIONS_OF, wanted=id_column(request_ids))
        for row in rows.to_pylist():
            counts.setdefault(row["dataset"], {})[row["reason"]] = row["n"]
        return counts

    def _keep_examples(self, examples: Iterable[Example]) -> None:
        rows = {
            one.example_id: {
                "example_id": one.example_id,
                "request_id": one.request_id,
                "example": one.as_json(),
            }
            for one in examples
        }
        known = self._examples.query(
            "SELECT DISTINCT example_id FROM log SEMI JOIN wanted USING (example_id)",
            wanted=_column(rows),
        )
        for example_id in known["example_id"].to_pylist():
            del rows[example_id]
        self._examples.append([rows[key] for key in sorted(rows)])


@dataclass(frozen=True, slots=True)
class Adapter:
    """One adapter as it stands; `record` is all that made it, its files and figures."""

    adapter_id: str
    status: str
    trained_on: tuple[str, ...]
    record: Mapping[str, Any]
    ordinal: int
    actor: str
    reason: str
    run_id: str
    at: datetime | None


class AdapterLog:
    """`adapters`: each step of an adapter is a row, and the newest one says where it stands."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def current(self) -> list[Adapter]:
        """Every adapter as it stands, newest step first."""
        return [_adapter(row) for row in self._log.query(_CURRENT).to_pylist()]

    def steps(self, adapter_id: str | None = None) -> list[Adapter]:
        """Every step ever taken, oldest first: the audit."""
        rows = self._log.query("SELECT * FROM log ORDER BY ordinal, adapter_id").to_pylist()
        found = [_adapter(row) for row in rows]
        return [one for one in found if adapter_id in (None, one.adapter_id)]

    def beginning(self, text: str) -> list[str]:
        """Adapters whose id begins so, in order, at most ten."""
        return _beginning(self._log, "adapter_id", text)

    def find(self, name: str) -> Adapter:
        """The adapter whose id begins so.

        Raises:
            AdapterRefused: there is none, or several begin so.
        """
        every = self.current() if name else []
        found = [one for one in every if one.adapter_id.startswith(name)]
        if len(found) != 1:
            raise AdapterRefused(
                f"{len(found) or 'no'} adapters begin with {name!r}: "
                "`almanac adapters list` has them all"
            )
        return found[0]

    def append(self, steps: Iterable[Adapter]) -> None:
        """Take steps in one commit, numbered in their order; only under the lease."""
        ordinal = next_ordinal(self._log)
        self._log.append(
            [
                ADAPTERS.to_row(step, recipe=step.record, ordinal=ordinal + at)
                for at, step in enumerate(steps)
            ]
        )


class EvaluationLog:
    """`evaluations`: both models' answers to each question, and their scores."""

    def __init__(self, log: DeltaLog) -> None:
        self._log = log

    def keep(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Add the rows of one evaluation (adapter_id, request_id, part, result) in one commit."""
        ordinal = next_ordinal(self._log)
        self._log.append([dict(row) | {"ordinal": ordinal} for row in rows])

    def asked(self, part: str) -> dict[str, set[str]]:
        """The requests of a part that each adapter was ever judged by, by adapter."""
        found: dict[str, set[str]] = {}
        rows = self._log.query(
            "SELECT DISTINCT adapter_id, request_id FROM log SEMI JOIN wanted USING (part)",
            wanted=pa.table({"part": [part]}),
        )
        for row in rows.to_pylist():
            found.setdefault(row["adapter_id"], set()).add(row["request_id"])
        return found

    def rows(self, adapter_id: str) -> list[dict[str, Any]]:
        """The newest evaluation of an adapter: request_id, part and result of each question."""
        found = self._log.query(
            "SELECT request_id, part, result FROM log SEMI JOIN wanted USING (adapter_id) "
            "QUALIFY ordinal = max(ordinal) OVER () ORDER BY part, request_id, result",
            wanted=pa.table({"adapter_id": [adapter_id]}),
        ).to_pylist()
        return [row | {"result": json.loads(row["result"])} for row in found]


def _beginning(log: DeltaLog, column: str, text: str) -> list[str]:
    rows = log.query(_BEGINNING.format(column=column), wanted=id_column([text]))
    return [str(name) for name in rows["name"].to_pylist()]


def _column(example_ids: Iterable[str]) -> pa.Table:
    return pa.table([pa.array(sorted(example_ids), pa.string())], names=["example_id"])


def _manifest(row: dict[str, Any]) -> dict[str, Any]:
    values = DATASETS.from_row(row)
    manifest: dict[str, Any] = values["manifest"]
    return manifest | {name: values[name] for name in ("dataset", "run_id", "at")}


def _adapter(row: dict[str, Any]) -> Adapter:
    values = ADAPTERS.from_row(row)
    return ADAPTERS.read(
        Adapter, row, trained_on=tuple(values["trained_on"]), record=values["recipe"]
    )

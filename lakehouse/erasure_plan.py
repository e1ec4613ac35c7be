"""What an erasure takes, written down before anything is deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from lakehouse.documents import Key
from lakehouse.erasures import Kind, document_subject, user_subject


@dataclass(frozen=True, slots=True)
class Extent:
    """What belongs to some documents alone: their versions, texts cut from them, chunk ids.

    `versions` are (key, seq, document_hash; None for a deletion), by key and seq. `elsewhere` are
    ids of other documents that had the very same text at some time, which keep it.
    """

    keys: tuple[Key, ...]
    versions: tuple[tuple[Key, int, str | None], ...]
    document_hashes: tuple[str, ...]
    text_hashes: tuple[str, ...]
    elsewhere: tuple[Key, ...]

    def version_at(self, key: Key, snapshot: int) -> str | None:
        """Hash of a document's text as of a snapshot; None where it was not there."""
        at = [text for one, seq, text in self.versions if one == key and seq <= snapshot]
        return at[-1] if at else None


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that go from one table: those that agree with one of `rows` in all of `columns`."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def keys(self) -> pa.Table:
        """The same as a table."""
        values = [[row[at] for row in self.rows] for at in range(len(self.columns))]
        return _table(values, list(self.columns))


@dataclass(frozen=True, slots=True)
class Plan:
    """All that an erasure does, so that a later run can finish it.

    Attributes:
        receipt: the number of the erasure.
        at: when it was planned, as text.
        kind: of the subject.
        keys: (source, doc_id) of documents.
        user_id: of a user, else empty.
        same_text_elsewhere: ids of other documents with the same text, which stay.
        contents: (kind, name) of what is refused from now on.
        selections: rows that go.
        request_ids: what adapters may have been trained on.
        datasets: that hold an example of one of them.
        counts: how many rows go from each table, for the receipt.
        releases: (seq, documents, rows, digest) of releases without the documents.
    """

    receipt: str
    at: str
    kind: Kind
    keys: tuple[Key, ...] = ()
    user_id: str = ""
    same_text_elsewhere: tuple[str, ...] = ()
    contents: tuple[tuple[str, str], ...] = ()
    selections: tuple[Selection, ...] = ()
    request_ids: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    releases: tuple[tuple[int, int, int, str], ...] = ()

    @property
    def subjects(self) -> list[str]:
        """Names of what is erased, before they are keyed."""
        if self.kind == "user":
            return [user_subject(self.user_id)]
        return [document_subject(*key) for key in self.keys]

    @property
    def ids(self) -> list[str]:
        """What may be written in reports of runs."""
        return [self.user_id] if self.kind == "user" else [doc_id for _, doc_id in self.keys]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Plan:
        """The plan that `to_json` wrote."""
        values = dict(plain)
        for name in (
            "keys",
            "same_text_elsewhere",
            "contents",
            "request_ids",
            "datasets",
            "releases",
        ):
            values[name] = _tuples(plain[name])
        values["selections"] = tuple(
            Selection(one["table"], tuple(one["columns"]), _tuples(one["rows"]))
            for one in plain["selections"]
        )
        return cls(**values)


def _tuples(rows: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(tuple(row) if isinstance(row, list) else row for row in rows)


def is_empty(plan: Plan) -> bool:
    """Is there nothing of the subject?"""
    return not any(plan.counts.values()) and not plan.releases


def by_keys(table: str, keys: Collection[Key]) -> Selection:
    """Rows of these documents."""
    return Selection(table, ("source", "doc_id"), tuple(sorted(keys)))


def of_values(table: str, column: str, values: Iterable[str]) -> Selection:
    """Rows with one of these values in a column."""
    return Selection(table, (column,), tuple((value,) for value in sorted(set(values))))


def key_table(keys: Collection[Key]) -> pa.Table:
    """Documents as a table of `source` and `doc_id`, for a join."""
    return by_keys("", keys).keys


def column_table(name: str, values: Iterable[str]) -> pa.Table:
    """Values as a table of one column, for a join."""
    return _table([sorted(values)], [name])


def _table(columns: Sequence[Sequence[str]], names: list[str]) -> pa.Table:
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)

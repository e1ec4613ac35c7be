"""A stored table: its columns, what an absent one means, and its rows as objects and back.

Adding a column is one line: a `Column` with a default, or, where a table says `extended_by`, a
field with a default of that dataclass. A table that was written before it has no such column and
reads as if every row had the default; a row that a later version wrote keeps columns that are not
known here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from schemas.hashing import canonical_json
from schemas.identity import later_fields

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
TEXT, WHOLE, SMALL, NUMBER = pa.string(), pa.int64(), pa.int32(), pa.float64()
FLAG, BYTES, TEXTS = pa.bool_(), pa.binary(), pa.list_(pa.string())
MOMENT = pa.timestamp("us", tz="UTC")
_REQUIRED = object()
_TYPES: dict[Any, pa.DataType] = {
    str: TEXT,
    int: WHOLE,
    float: NUMBER,
    bool: FLAG,
    datetime: MOMENT,
    tuple[str, ...]: TEXTS,
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Without a default every row that was ever written has a value in it.

    `json`: the value is stored as canonical JSON.
    """

    name: str
    type: pa.DataType
    default: Any = _REQUIRED
    json: bool = False

    @property
    def required(self) -> bool:
        """Has every row a value?"""
        return self.default is _REQUIRED

    def stored(self, value: Any) -> Any:
        """The value as it is written; what is the default of an optional column may stay null."""
        if not self.json or value is None:
            return list(value) if isinstance(value, tuple) else value
        return canonical_json(dict(value) if isinstance(value, Mapping) else value)

    def read(self, value: Any) -> Any:
        """The value of a column that is null, or absent, as None."""
        if value is None:
            return None if self.required else self.default
        found = json.loads(value) if self.json else value
        return tuple(found) if isinstance(self.default, tuple) else found


class StoredTable:
    """One Delta table.

    Args:
        name: of its folder.
        columns: in the order in which a new table gets them.
        statistics: the column whose least and greatest value Delta's log repeats of each file, and
            of no other: an erasure must find no text in a log.
        partitions: columns that the files are parted by.
        leased: False where several write at a time, without the lease.
        extended_by: a dataclass whose later fields are columns, too.
        apart: fields of it that other columns hold.
    """

    def __init__(
        self,
        name: str,
        *columns: Column,
        statistics: str,
        partitions: Collection[str] = (),
        leased: bool = True,
        extended_by: type[DataclassInstance] | None = None,
        apart: Collection[str] = (),
    ) -> None:
        self.name, self.statistics, self.leased = name, statistics, leased
        self.partitions = list(partitions) or None
        later = _later_columns(extended_by, columns, apart) if extended_by else ()
        self.columns = {one.name: one for one in (*columns, *later)}
        self.schema = pa.schema(
            [pa.field(one.name, one.type, nullable=not one.required) for one in (*columns, *later)]
        )

    def to_row(self, thing: object = None, **more: Any) -> dict[str, Any]:
        """A row of an object's attributes; `more` are values of columns that it has not."""
        names = [name for name in self.columns if name in more or hasattr(thing, name)]
        values = {name: more[name] if name in more else getattr(thing, name) for name in names}
        return {name: self.columns[name].stored(value) for name, value in values.items()}

    def from_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The value of each column; unknown ones are left out, absent ones have their default."""
        return {name: one.read(row.get(name)) for name, one in self.columns.items()}

    def read(self, kind: type[T], row: Mapping[str, Any], **more: Any) -> T:
        """An object of a dataclass of the columns that are its fields; `more` are other fields."""
        wanted: Collection[str] = kind.__dataclass_fields__  # type: ignore[attr-defined]
        values = {name: value for name, value in self.from_row(row).items() if name in wanted}
        return kind(**(values | more))


def plain_type(hint: Any) -> Any:
    """The type of a field without its `| None`."""
    if get_origin(hint) in (Union, UnionType):
        parts = [part for part in get_args(hint) if part is not type(None)]
        return parts[0] if len(parts) == 1 else hint
    return hint


def _later_columns(
    kind: type[DataclassInstance], columns: Collection[Column], apart: Collection[str]
) -> list[Column]:
    hints = get_type_hints(kind)
    later = later_fields(kind, [one.name for one in columns], apart)
    return [
        Column(name, _TYPES[plain], default)
        if (plain := plain_type(hints[name])) in _TYPES
        else Column(name, TEXT, default, json=True)
        for name, default in later.items()
    ]

"""What an identity is made of: the fields that a type began with, and later ones that are used.

A hash over every field that a type has today changes with each field that it gets, and then what is
stored is taken for something else. So an identity names the fields of its first version, and a
field that came later enters only where it has another value than its default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import BaseModel


def later_fields(
    kind: type[DataclassInstance], first: Collection[str], apart: Collection[str] = ()
) -> dict[str, Any]:
    """The fields that a dataclass got after its `first` ones, each with its default.

    Raises:
        TypeError: one has no default, so nothing says what it is in what is stored already.
    """
    later = [one for one in fields(kind) if one.name not in (*first, *apart)]
    return {one.name: _default(kind, one) for one in later}


def identity_of_record(
    record: DataclassInstance, first: Collection[str], apart: Collection[str] = ()
) -> dict[str, Any]:
    """The values by name that tell a dataclass's object from another; those `apart` never do."""
    later = later_fields(type(record), first, apart)
    used = {name for name, default in later.items() if getattr(record, name) != default}
    return {name: getattr(record, name) for name in (*first, *sorted(used))}


def identity_of_settings(
    section: BaseModel, first: Collection[str], apart: Collection[str] = ()
) -> dict[str, Any]:
    """The same of a section of the configuration, as plain JSON values."""
    values = section.model_dump(mode="json")
    used: Mapping[str, Any] = section.model_dump(mode="json", exclude_defaults=True)
    later = sorted(used.keys() - {*first, *apart})
    return {name: values[name] for name in (*first, *later)}


def _default(kind: type, field: Field[Any]) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    raise TypeError(f"{kind.__name__}.{field.name} came later: give it a default")

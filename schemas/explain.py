"""What is wrong with a configuration, all of it at once, in words of the file and not of Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_SECRET = re.compile(r"storage_options|^alarms\.address|\.uri$")  # what holds or may hold one
_SYNONYMS = {
    "url": "uri",
    "path": "uri",
    "folder": "uri",
    "dir": "uri",
    "directory": "uri",
    "address": "uri",
    "glob": "include",
    "globs": "include",
    "patterns": "include",
    "ignore": "exclude",
    "api_key": "api_key_env",
    "endpoint": "base_url",
    "source": "sources",
    "embedding": "embedder",
    "chunking": "chunker",
    "lang": "language",
}
# Of pydantic's kinds of errors, what the value must be.
_WANTED = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "tuple_type": 'must be a list, such as ["one", "two"]',
    "list_type": 'must be a list, such as ["one", "two"]',
    "missing": "is missing",
}


def explain(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """One sentence for one fault; several stand below each other, in the order of the file."""
    faults = list(_faults(error, model, where))
    if len(faults) == 1:
        return faults[0]
    lines = "\n".join(f"  - {fault}" for fault in faults)
    return f"{len(faults)} settings are wrong:\n{lines}"


def meant(name: str, known: Sequence[str]) -> str:
    """The one of the `known` keys that `name` probably means; empty where none is near."""
    if _SYNONYMS.get(name) in known:
        return _SYNONYMS[name]
    return next(iter(get_close_matches(name, known, 1, 0.6)), "")


def _faults(error: ValidationError, model: type[BaseModel], where: str) -> Iterator[str]:
    errors = error.errors()
    guessed = set()
    for one in errors:
        if one["type"] == "extra_forbidden":
            hint = meant(str(one["loc"][-1]), _keys(model, one["loc"][:-1]))
            guessed.add((*one["loc"][:-1], hint))
    for one in errors:
        loc = one["loc"]
        if one["type"] == "missing" and loc in guessed:
            continue  # it is there under the name that is asked about
        key = ".".join(str(part) for part in loc)
        if one["type"] == "extra_forbidden":
            yield f"unknown setting {key!r} in {where}{_hint(model, loc)}"
        elif one["type"] in ("model_type", "dict_type"):
            found = "" if _SECRET.search(key) else f", not {one.get('input')!r}"
            yield f"setting {key!r} in {where} must be a table, [{key}]{found}"
        else:
            yield f"setting {key!r} in {where} {_wrong(one, key)}"


def _wrong(one: Mapping[str, Any], key: str) -> str:
    said = _WANTED.get(one["type"]) or one["msg"].replace("Input should be", "must be")
    said = said.removeprefix("Value error, ")
    if one["type"] == "missing" or _SECRET.search(key):
        return said
    return f"{said} (found {one.get('input')!r})"


def _hint(model: type[BaseModel], loc: tuple[Any, ...]) -> str:
    name, known = str(loc[-1]), _keys(model, loc[:-1])
    if near := meant(name, known):
        return f"; did you mean {near!r}?"
    homes = [
        "sources.NAME" if section == "sources" else section
        for section, field in model.model_fields.items()
        if (kind := _model_of(field.annotation)) and name in kind.model_fields
    ]
    if len(loc) == 1 and homes:
        return f"; it belongs under {' or '.join(f'[{home}]' for home in homes[:3])}"
    if len(loc) > 1 and name in model.model_fields:
        return "; it belongs at the top, before the first [section]"
    return f"; known there: {', '.join(known)}" if known and len(known) <= 12 else ""


def _keys(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The keys of the section at `path`; empty where it is no section."""
    at: type[BaseModel] | None = model
    names = [name for name in path if not isinstance(name, int)]  # places in a list
    while names and at is not None:
        field = at.model_fields.get(str(names.pop(0)))
        inner = _model_of(field.annotation) if field else None
        if field and inner and str(field.annotation).startswith("dict") and names:
            names.pop(0)  # the name that the user gave the table
        at = inner
    return sorted(at.model_fields) if at else []


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_of, get_args(annotation))), None)

"""A first almanac.toml: every section and key, commented out, with its default and meaning."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.reference import note_of
from schemas.sections.base import nested_section
from schemas.settings import Settings, SourceSettings

_HEAD = """\
# The configuration of Almanac. What is commented out has the value shown; take the # away to change
# it. Relative paths are relative to this file. Each key can also come from the environment:
# ALMANAC_EMBEDDER__MODEL=multilingual overrides `model` in [embedder].
#
#   almanac plan       what a night would do and cost
#   almanac nightly    read, index, publish
#   almanac search "…"

lakehouse = ".almanac"

[sources.documents]
uri = {source}
"""


def template(source: str) -> str:
    """The text of the file, with one source at the address `source`."""
    parts = [_HEAD.format(source=json.dumps(source, ensure_ascii=False))]
    parts += [_commented(line) for line in _keys(SourceSettings, "sources.documents", {"uri"})]
    for name, field in Settings.model_fields.items():
        if section := nested_section(field):
            parts += ["", *_wrapped(note_of(section)), f"[{name}]"]
            parts += [_commented(line) for line in _keys(section, name, set())]
    return "\n".join(parts) + "\n"


def _keys(model: type[BaseModel], path: str, without: set[str]) -> Iterator[str]:
    """Lines of a section, those of the tables inside of it as dotted keys."""
    for name, field in model.model_fields.items():
        if name in without or name == "options":
            continue
        if inner := nested_section(field):
            yield from _inner(inner, name)
        else:
            yield from _key(name, field)


def _inner(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from _key(f"{prefix}.{name}", field)


def _key(name: str, field: FieldInfo) -> Iterator[str]:
    meaning = field.description or ""
    value = _toml(field.default)
    line = f"{name} = {value}" if value is not None else f"{name} ="
    if len(line) + len(meaning) < 92:
        yield f"{line}  # {meaning}"
    else:
        yield from (f"    {part}" for part in textwrap.wrap(meaning, 92))
        yield line


def _commented(line: str) -> str:
    return f"# {line}"


def _wrapped(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 96)]


def _toml(value: Any) -> str | None:
    """A default as TOML; None for one that has no value."""
    if value is None or value is PydanticUndefined:
        return None
    if isinstance(value, tuple):
        return "[" + ", ".join(str(_toml(one)) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{}" if not value else None
    return json.dumps(value, ensure_ascii=False)

"""The page of all settings, made from their types: `python -m schemas.reference`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from schemas.sections.base import nested_section
from schemas.settings import (
    AssistantSettings,
    BudgetSettings,
    ModelEndpoint,
    PriceSettings,
    Settings,
    SourceSettings,
)

_HEAD = """# Configuration

`almanac.toml` in the working directory, the file in `$ALMANAC_CONFIG`, or `--config FILE`. Relative
paths are relative to the file. Each key can be overridden from the environment: `ALMANAC_`, then
the path to the key in capitals, with two underscores between its parts, as in
`ALMANAC_EMBEDDER__MODEL=multilingual` or `ALMANAC_SOURCES__DOCUMENTS__URI=/srv/docs`. Lists and
tables are written as JSON. An unknown key is refused by name. Keys and passwords have no place
here: they come from the environment (`embedder.api_key_env` names the variable).

This page is made from the types: `python -m schemas.reference > docs/configuration.md`.
"""
# Tables of tables, one a name that the user gives.
_NAMED: dict[str, type[BaseModel]] = {
    "sources": SourceSettings,
    "assistants": AssistantSettings,
    "endpoints": ModelEndpoint,
    "prices": PriceSettings,
    "budgets": BudgetSettings,
}


def reference() -> str:
    """Every setting with its type, default and meaning, as Markdown."""
    return "\n".join([_HEAD, *_section("", Settings), ""])


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    if title:
        yield f"## `[{title}]`\n\n{note_of(model)}\n"
    fields = model.model_fields.items()
    plain = [(name, field) for name, field in fields if not nested_section(field)]
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    named = _NAMED if model is Settings else {}
    yield from (_row(name, field) for name, field in plain if name not in named)
    yield ""
    for name, field in fields:
        if name in named:
            yield from _section(f"{name}.NAME", named[name])
        elif nested := nested_section(field):
            yield from _section(f"{title}.{name}" if title else name, nested)


def note_of(model: type[BaseModel]) -> str:
    """What a section is about: its docstring's first paragraph, on one line."""
    return " ".join((model.__doc__ or "").strip().partition("\n\n")[0].split())


def _row(name: str, field: FieldInfo) -> str:
    meaning = (field.description or "").replace("|", "\\|")
    return (
        f"| `{field.alias or name}` | {_type(field.annotation)} | {_default(field)} | {meaning} |"
    )


def _type(kind: Any) -> str:
    text = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
    text = text.replace("pydantic.types.SecretStr", "secret")
    return f"`{text}`".replace("|", "\\|").replace(", ...]", "]")


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, tuple) and len(field.default) > 3:
        return f"`{json.dumps(field.default[:3])[:-1]}, …]`"
    return f"`{json.dumps(field.default)}`" if field.default is not None else "none"


if __name__ == "__main__":
    sys.stdout.write(reference())

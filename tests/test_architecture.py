"""Imports run one way: almanac -> flows -> tasks -> { lakehouse, expectations } -> schemas."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_USE = {
    "schemas": set(),
    "expectations": {"schemas"},
    "lakehouse": {"schemas"},
    "tasks": {"lakehouse", "expectations", "schemas"},
    "flows": {"tasks", "schemas"},
    "almanac": {"flows", "tasks", "schemas"},
}
# Libraries that belong to one room, by the prefixes of the modules that may import them.
ROOMS_OF = {
    "prefect": (
        "flows",
        "tasks/events.py",
        "tasks/schedule.py",
        "tasks/keeping.py",
        "tasks/learning.py",
        "tasks/nightly.py",
        "tasks/proving.py",
        "tasks/rescue.py",
        "tasks/artifacts.py",
        "tasks/trace.py",
        "tasks/watch.py",
        "almanac/cli/engine.py",
        "almanac/supervisor",
    ),
    "deltalake": ("lakehouse",),
    "lancedb": ("lakehouse",),
    "lance": ("lakehouse",),
    "duckdb": ("lakehouse",),
    "great_expectations": ("expectations",),
    "torch": ("almanac/embedding", "almanac/training"),
    "sentence_transformers": ("almanac/embedding",),
    "transformers": ("almanac/embedding", "almanac/training"),
    "peft": ("almanac/training",),
    "trl": ("almanac/training",),
    "datasets": ("almanac/training",),
    "presidio_analyzer": ("almanac/dataset",),
    "spacy": ("almanac/dataset",),
    "slovnet": ("almanac/dataset",),
    "navec": ("almanac/dataset",),
    "tldextract": ("almanac/dataset",),
    "xllamacpp": ("almanac/adapters",),
    "mlflow": ("almanac/adapters",),
    "openai": ("almanac/embedding", "almanac/llm"),
    "fsspec": ("almanac/sources",),
}


def _modules() -> list[Path]:
    return sorted(path for room in MAY_USE for path in (ROOT / room).rglob("*.py"))


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_downwards_only(path: Path) -> None:
    where = path.relative_to(ROOT)
    room = where.parts[0]
    used = _imports(path)
    assert (used & MAY_USE.keys()) - {room} <= MAY_USE[room]
    strangers = {
        library
        for library, rooms in ROOMS_OF.items()
        if library in used and not where.as_posix().startswith(rooms)
    }
    assert strangers == set()


def test_there_are_modules_in_every_room() -> None:
    rooms = {path.relative_to(ROOT).parts[0] for path in _modules()}
    assert rooms == set(MAY_USE)

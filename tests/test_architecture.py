"""Which package may import which, and which library belongs to which package.

`flows -> tasks -> almanac.* -> { lakehouse, expectations } -> schemas`. Imports for type checking
count like any other.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP = ("schemas", "expectations", "lakehouse", "tasks", "flows", "almanac")

# A package and what it may import besides `schemas`, lowest first: a line may name only packages of
# the lines above it, so there is no cycle. Those of `almanac` stand by their own name.
MAY_IMPORT = {
    "schemas": "",
    "expectations": "",
    "lakehouse": "",
    "core": "lakehouse",
    "journal": "lakehouse",
    "llm": "core",
    "costs": "core journal llm lakehouse",
    "claims": "core",
    "sources": "core",
    "feedback": "core journal sources lakehouse expectations",
    "chunking": "core",
    "training": "core",
    "embedding": "core llm",
    "cache": "core journal claims feedback embedding lakehouse",
    "guards": "core claims embedding",
    "schedule": "core sources lakehouse",
    "ingest": "core sources chunking embedding guards schedule lakehouse expectations",
    "retrieval": "core sources embedding ingest lakehouse",
    "adapters": "core training lakehouse",
    "releases": "core embedding journal feedback cache ingest retrieval training adapters "
    "lakehouse",
    "drift": "core embedding feedback retrieval lakehouse",
    "triage": "core claims embedding feedback llm costs retrieval lakehouse",
    "evaluation": "core claims guards llm retrieval training",
    "assistants": "core llm costs retrieval training evaluation adapters lakehouse",
    "dataset": "core claims feedback guards llm costs retrieval assistants lakehouse expectations",
    "tuning": "core embedding llm costs retrieval triage training adapters assistants dataset "
    "evaluation lakehouse",
    "lineage": "core feedback adapters lakehouse",
    "rollouts": "core llm feedback assistants lakehouse",
    "judging": "core journal costs llm embedding rollouts lakehouse",
    "overview": "judging feedback triage costs adapters lakehouse",
    "client": "feedback",
    "tasks": "core sources schedule ingest retrieval releases drift feedback triage dataset "
    "training adapters tuning lineage lakehouse",
    "flows": "tasks",
    "supervisor": "core drift schedule tasks",
    "serving": "core journal cache llm costs embedding guards ingest retrieval feedback training "
    "adapters assistants evaluation overview rollouts lakehouse expectations",
    "cli": "core costs schedule ingest retrieval releases drift feedback triage dataset training "
    "tuning adapters assistants lineage overview rollouts supervisor cache judging serving",
}
# What starts from a shell: nothing imports these.
LEAVES = {"cli", "client"}

# Libraries that belong to one room, by the prefixes of the modules that may import them.
ROOMS_OF = {
    "prefect": (
        "flows",
        "tasks",
        "almanac/cli/engine.py",
        "almanac/cli/own_server.py",
        "almanac/supervisor",
    ),
    "deltalake": ("lakehouse",),
    "lancedb": ("lakehouse",),
    "lance": ("lakehouse",),
    "duckdb": ("lakehouse",),
    "great_expectations": ("expectations",),
    "torch": ("almanac/embedding", "almanac/training", "almanac/evaluation"),
    "sentence_transformers": ("almanac/embedding",),
    "transformers": ("almanac/embedding", "almanac/training", "almanac/evaluation"),
    "peft": ("almanac/training", "almanac/evaluation"),
    "trl": ("almanac/training",),
    "datasets": ("almanac/training",),
    "presidio_analyzer": ("almanac/guards",),
    "spacy": ("almanac/guards",),
    "slovnet": ("almanac/guards",),
    "navec": ("almanac/guards",),
    "tldextract": ("almanac/guards",),
    "xllamacpp": ("almanac/adapters",),
    "mlflow": ("almanac/adapters",),
    "openai": ("almanac/embedding", "almanac/llm"),
    "fastapi": ("almanac/serving",),
    "mcp": ("almanac/serving",),
    "opentelemetry": ("almanac/serving",),
    "prometheus_client": ("almanac/serving",),
    "fsspec": ("almanac/sources",),
    "jinja2": ("almanac/assistants",),
    "jsonschema": ("almanac/assistants",),
}
_SQL = re.compile(r"\b(SELECT|FROM log)\b")
# Where tables are reached past their logs: SQLite files of its own, the lease, and files of whole
# tables, which are checked, tidied and cleared alike.
PAST_THE_LOGS = {
    "almanac/feedback/traces.py": {"SQL"},
    "almanac/cache/store.py": {"SQL"},
    "almanac/journal/database.py": {"SQL"},
    "almanac/journal/journal.py": {"SQL"},
    "almanac/core/file_check.py": {".delta()"},
    "almanac/releases/doctor.py": {".deltas()"},
    "almanac/releases/erasure_execution.py": {".delta()"},
    "almanac/releases/retention.py": {".delta()", ".deltas()"},
}


def package_of(module: str) -> str | None:
    """The line of the table that a dotted module belongs to; None for a library."""
    top, _, rest = module.partition(".")
    if top != "almanac":
        return top if top in TOP else None
    return rest.partition(".")[0] or None


def imports(tree: ast.AST) -> Iterator[str]:
    """Every dotted name that is imported anywhere in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def table_access(tree: ast.AST) -> set[str]:
    """What of a module goes to stored tables past the logs of `lakehouse`: calls, and SQL."""
    calls = {
        f".{node.func.attr}()"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("delta", "deltas", "query")
    }
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return calls | {"SQL" for text in texts if isinstance(text, str) and _SQL.search(text)}


def forbidden(package: str, tree: ast.AST) -> set[str]:
    """The packages that a module of `package` imports and may not."""
    allowed = {package, "schemas", *MAY_IMPORT[package].split()}
    used = {package_of(name) for name in imports(tree)} - {None, "__main__", "__version__"}
    return {name for name in used if name and name not in allowed}


def cycle(imported: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, in the order of the imports; empty if none do."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> list[str]:
        if module in path:
            return path[path.index(module) :]
        if module in done:
            return []
        for other in sorted(imported.get(module, ())):
            if circle := walk(other, [*path, module]):
                return circle
        done.add(module)
        return []

    return next((circle for module in sorted(imported) if (circle := walk(module, []))), [])


def _modules() -> list[Path]:
    return sorted(
        path
        for top in TOP
        for path in (ROOT / top).rglob("*.py")
        if path.relative_to(ROOT).as_posix() not in ("almanac/__init__.py", "almanac/__main__.py")
    )


def _package(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "almanac" else parts[0]


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_what_its_package_may(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert forbidden(_package(path), tree) == set()
    libraries = {name.partition(".")[0] for name in imports(tree)}
    strangers = {
        library
        for library, rooms in ROOMS_OF.items()
        if library in libraries and not where.startswith(rooms)
    }
    assert strangers == set()


def test_the_table_names_every_package_and_has_no_cycle() -> None:
    found = {_package(path) for path in _modules()}
    assert found == set(MAY_IMPORT)
    above: set[str] = set()
    for package, may in MAY_IMPORT.items():
        assert set(may.split()) <= above - LEAVES, package
        above.add(package)


def test_the_page_for_newcomers_names_every_package() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(?:almanac/)?(\w+)(?:/|\.py)?`", page))
    assert set(MAY_IMPORT) - named == set()


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("schemas", "import lakehouse"),
        ("lakehouse", "from expectations.runner import Suites"),
        ("core", "from almanac.ingest import report"),
        ("ingest", "from almanac import retrieval"),
        ("training", "from almanac.tuning.tune import judge"),
        ("triage", "if TYPE_CHECKING:\n    from almanac.dataset.build import build"),
        ("flows", "def flow():\n    from almanac.releases import restore"),
    ],
)
def test_an_import_upwards_is_found(package: str, line: str) -> None:
    assert len(forbidden(package, ast.parse(line))) == 1


def _imported_modules(path: Path, known: set[str]) -> set[str]:
    """The modules of `known` that a module imports, as `package.module` or a name in one."""
    names = set(imports(ast.parse(path.read_text(encoding="utf-8"))))
    return {name for one in names for name in (one, one.rpartition(".")[0]) if name in known}


@pytest.mark.parametrize("package", list(MAY_IMPORT))
def test_the_modules_of_a_package_have_no_cycle(package: str) -> None:
    paths = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in _modules()
        if _package(path) == package and path.name != "__init__.py"
    }
    assert cycle({name: _imported_modules(path, set(paths)) for name, path in paths.items()}) == []


def test_a_cycle_of_modules_is_found() -> None:
    imported = {"a": {"b", "d"}, "b": {"c"}, "c": {"b"}, "d": set()}
    assert cycle(imported) == ["b", "c"]
    assert cycle(imported | {"c": {"d"}}) == []


def test_stored_tables_are_read_through_their_logs_alone() -> None:
    reached = {}
    for path in _modules():
        if _package(path) in ("lakehouse", "schemas", "expectations"):
            continue
        access = table_access(ast.parse(path.read_text(encoding="utf-8")))
        if access:
            reached[path.relative_to(ROOT).as_posix()] = access
    assert reached == PAST_THE_LOGS


@pytest.mark.parametrize(
    ("line", "access"),
    [
        ('rows = lake.delta("runs").files()', ".delta()"),
        ("for log in run.lake.deltas(): log.tidy(grace)", ".deltas()"),
        ('sql = f"SELECT {name} FROM log"', "SQL"),
        ("rows = self._log.query(sql)", ".query()"),
    ],
)
def test_a_table_reached_past_its_log_is_found(line: str, access: str) -> None:
    assert table_access(ast.parse(line)) == {access}

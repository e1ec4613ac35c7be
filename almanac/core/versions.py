"""What made a release: the code's version and the libraries'."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_LIBRARIES = (
    "deltalake",
    "great-expectations",
    "lancedb",
    "pyarrow",
    "pylance",
    "sentence-transformers",
    "tokenizers",
    "torch",
    "transformers",
)


@cache
def code_version() -> str:
    """Almanac's version, with the commit where it runs from a git checkout."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return version("almanac")
    described = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{version('almanac')}+{described.stdout.strip() or 'unknown'}"


@cache
def library_versions() -> dict[str, str]:
    """The versions of what decides rows, vectors and scores."""
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

"""What requirements.lock pins runs on the oldest Python that is promised, and is held to hashes."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OLDEST = "3.11.2"  # of Debian 12
LOCKS = ("requirements.lock", "requirements-cuda.lock")


def pins(lock: str) -> dict[str, tuple[Requirement, set[str]]]:
    """The pins for Debian 12 by name, each with the hashes that are allowed."""
    text = (ROOT / lock).read_text("utf-8")
    debian = {"python_full_version": OLDEST, "python_version": "3.11", "sys_platform": "linux"}
    found = {}
    for entry in re.findall(r"^[^\s#].*(?:\n\s+.*)*", text, re.MULTILINE):
        pin = Requirement(entry.partition(" \\")[0])
        if pin.marker is None or pin.marker.evaluate(debian):
            hashes = set(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry))
            found[canonicalize_name(pin.name)] = (pin, hashes)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_with_hashes(lock: str) -> None:
    """Else pip refuses all of them: `make lock` writes them."""
    wrong = {
        name: str(pin)
        for name, (pin, hashes) in pins(lock).items()
        if not hashes or not re.fullmatch(r"==[^*]+", str(pin.specifier))
    }
    assert wrong == {}


def test_both_builds_of_torch_are_allowed() -> None:
    """That of the registry and that of PyTorch's own index, which has no CUDA in it."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    assert "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b" in text
    assert len(pins("requirements.lock")["torch"][1]) > 10


def test_what_the_project_requires_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    locked = pins("requirements.lock")
    extras = {name: one for name, one in project["optional-dependencies"].items() if name != "dlt"}
    wrong = []
    for line in [*project["dependencies"], *(one for lines in extras.values() for one in lines)]:
        wanted = Requirement(line)
        if wanted.name == "almanac":
            assert wanted.extras <= extras.keys()
        elif not (found := locked.get(canonicalize_name(wanted.name))):
            wrong.append(line)
        elif not wanted.specifier.contains(str(found[0].specifier).removeprefix("==")):
            wrong.append(f"{line}: {found[0]}")
    assert wrong == []


def test_every_pin_allows_the_python_of_debian_12() -> None:
    refused, checked = [], 0
    for pin, _ in pins("requirements.lock").values():
        try:
            found = distribution(pin.name)
        except PackageNotFoundError:
            continue  # of another platform
        if f"=={found.version.split('+')[0]}" != str(pin.specifier):
            continue  # an environment that is older or newer than the lock says nothing of it
        checked += 1
        wanted = found.metadata.get("Requires-Python") or ""
        if not SpecifierSet(wanted).contains(OLDEST):
            refused.append(f"{pin} wants Python {wanted}")
    assert refused == []
    assert checked > 200

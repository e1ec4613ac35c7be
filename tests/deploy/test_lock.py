"""What requirements.lock pins runs on the oldest Python that is promised."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[2]
OLDEST = "3.11.2"  # of Debian 12


def test_every_pin_allows_the_python_of_debian_12() -> None:
    refused, checked = [], 0
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        pin = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", line)
        if not pin:
            continue
        try:
            found = distribution(pin[1])
        except PackageNotFoundError:
            continue  # of another platform
        if found.version.split("+")[0] != pin[2].split("+")[0]:
            continue  # an environment that is older or newer than the lock says nothing of it
        checked += 1
        wanted = found.metadata.get("Requires-Python") or ""
        if not SpecifierSet(wanted).contains(OLDEST):
            refused.append(f"{pin[1]}=={pin[2]} wants Python {wanted}")
    assert refused == []
    assert checked > 200

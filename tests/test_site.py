"""The documentation as a site: built without a warning, every link within it leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from almanac.cli.app import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it: about four seconds of processor time."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    lost, followed = set(), 0
    for page in site.rglob("*.html"):
        for address in re.findall(r'(?:href|src)="([^"#]+)', page.read_text("utf-8")):
            if re.match(r"[a-z]+:|//", address) or page.name == "404.html":
                continue
            target = page.parent / address.partition("?")[0]
            followed += 1
            if not (target / "index.html" if target.is_dir() else target).is_file():
                lost.add((page.relative_to(site).as_posix(), address))
    assert lost == set()
    assert followed > 1000


def test_the_reference_has_every_verb_route_and_setting(site: Path) -> None:
    verbs = (site / "verbs/index.html").read_text("utf-8")
    assert [name for name in main.commands if f"almanac {name}" not in verbs] == []
    assert "--accept-losses" in verbs and "Publish although much vanished or shrank." in verbs
    http = (site / "http/index.html").read_text("utf-8")
    assert "POST /v1/chat/completions" in http and "GET /readyz" in http
    python = (site / "python/index.html").read_text("utf-8")
    for name in ("lakehouse.open_lakehouse", "almanac.log_request", "AsOf.quarantine"):
        assert name in python
    assert "embedder" in (site / "configuration/index.html").read_text("utf-8")

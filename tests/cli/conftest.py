"""A lakehouse of two nights, made and asked by the command line itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def almanac(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith("ALMANAC_")}
    return subprocess.run(
        [sys.executable, "-m", "almanac", *arguments],
        cwd=cwd,
        env=plain | environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="session")
def lakehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights, run by the command line itself on Prefect's ephemeral API."""
    folder = tmp_path_factory.mktemp("cli")
    docs = folder / "docs"
    docs.mkdir()
    (docs / "backup.md").write_text("# Backups\n\nA backup is written nightly.\n")
    (docs / "broken.pdf").write_text("no PDF")
    environment = {"PREFECT_HOME": str(folder / "prefect")}
    for date, mail in (("2026-03-01", None), ("2026-03-02", "# Mail\n\nOpen the mail settings.\n")):
        if mail:
            (docs / "mail.md").write_text(mail)
        done = almanac(
            "nightly",
            "--source",
            str(docs),
            "--lakehouse",
            "lake",
            "--as-of",
            date,
            "--json",
            cwd=folder,
            **environment,
        )
        assert done.returncode == 0, done.stderr
        assert "Finished in state" not in done.stderr and "Documents: 1 added" in done.stderr
        report = json.loads(done.stdout)
        assert report["as_of"] == f"{date}T23:59:59.999999Z"
    return folder


def ask(lakehouse: Path, *arguments: str) -> dict:
    done = almanac("--lakehouse", "lake", *arguments, "--json", cwd=lakehouse)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

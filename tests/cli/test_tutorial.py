"""docs/tutorial.md, run word by word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_the_tutorial_works_as_it_is_written(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text("utf-8"))
    assert len(blocks) == 5
    program = tmp_path / "bin" / "almanac"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m almanac "$@"\n')
    program.chmod(0o755)
    plain = {key: value for key, value in os.environ.items() if not key.startswith("ALMANAC_")}
    environment = plain | {
        "PATH": f"{program.parent}:{plain['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    said = []
    for block in blocks:
        done = subprocess.run(
            ["bash", "-e", "-c", block],
            cwd=tmp_path,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        said.append(done.stdout)
    assert "2 added" in said[0] and (tmp_path / "almanac.toml").is_file()
    assert "Published release 1" in said[1] and "1 modified" in said[1]
    now, then = "The team lead approves trips", "The head of the department approves"
    assert then in said[1] and now not in said[1].partition("Published release 2")[0]
    assert said[2].count(then) == 2 and "Proven: 2 releases" in said[2]
    assert "model_fault" in said[3]
    assert "No dataset yet" in said[4] and "No adapter yet" in said[4]

"""A few rounds of `benchmarks/reliability/kill_loop.py`, which can do many more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOOP = Path(__file__).resolve().parents[2] / "benchmarks" / "reliability" / "kill_loop.py"


@pytest.mark.slow
def test_killed_runs_lose_nothing_and_end_with_the_digest_of_unbroken_ones() -> None:
    done = subprocess.run(
        [sys.executable, str(LOOP), "--kills", "2", "--documents", "12", "--seed", "7"],
        text=True,
        capture_output=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] == 2

"""Two rounds of `benchmarks/reliability/conflicts.py`, which can do many more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "benchmarks" / "reliability" / "conflicts.py"


@pytest.mark.slow
def test_of_ten_runs_at_a_time_each_goes_waits_or_is_refused_and_all_releases_verify() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "--rounds", "2", "--seed", "3", "--json"],
        text=True,
        capture_output=True,
        check=False,
        timeout=580,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["rounds"], result["wrong"]) == (2, [])
    assert sum(sum(how.values()) for how in result["ended"].values()) == 20

"""The harness of power cuts, on a few cuts of one night; all of them are in benchmarks/."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from testing.power_cut.cuts import Cuts

CUTS = 3


@pytest.mark.skipif(not shutil.which("strace"), reason="it records with strace")
def test_a_cut_in_a_first_night_loses_nothing_that_was_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALMANAC_DURABILITY", "full")  # and given back, whatever the harness sets
    cuts = Cuts(tmp_path, phases=("first night",))
    names = {operation.name for operation in cuts.operations}
    assert names >= {"create", "write", "rename", "sync", "mark"}
    found = list(cuts.check(CUTS))
    assert [cut.at for cut in found][-1] == len(cuts.operations)  # the last one after "Published"
    assert len({cut.loss for cut in found}) == CUTS
    assert [cut.faults for cut in found] == [[]] * CUTS

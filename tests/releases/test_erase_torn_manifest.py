"""An erasure that meets an index whose newest manifest is torn: no text stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from almanac.releases.doctor import doctor
from almanac.releases.erase import erase
from almanac.releases.verify import verify
from tests.releases.conftest import House
from tests.releases.test_erase import MARKER, SECRET, files_with, texts_in


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("torn"))
    house.put("printer", "The printer wants a badge.")
    house.put(MARKER, f"Only {MARKER} knows where the key is.")
    house.night(1)
    house.put("printer", "The new printer wants none.")
    house.night(2)
    return house


@pytest.mark.parametrize("kept", ["half", "nothing"])
@pytest.mark.parametrize("which", [-1, 0])
def test_an_erasure_over_a_torn_manifest_ends(
    told: House, tmp_path: Path, kept: str, which: int
) -> None:
    house = told.copied_to(tmp_path / "house")
    folder = house.path(f"lance/{house.releases[0].lance_table}.lance/_versions")
    manifest = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)[which]
    data = manifest.read_bytes()
    manifest.write_bytes(data[: len(data) // 2] if kept == "half" else b"")
    erase(house.settings, SECRET)
    assert files_with(house, MARKER) == []
    assert [text for text in texts_in(house) if MARKER in text] == []
    assert verify(house.lake, house.releases)["findings"] == []
    assert doctor(house.lake, "documents")["findings"] == []

"""The newest commit of the documents is lost: it is made again, or no night publishes."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from almanac.releases.checks import doctor_report
from schemas.errors import LakehouseDamaged
from tests.releases.conftest import FIRST_NIGHT, House, night


def _newest_entry(house: House) -> Path:
    return max(house.path("delta/document_changes/_delta_log").glob("*.json"))


def _night_after(house: House) -> int:
    house.put("after", "What came after the damage.")
    return night(house.settings, FIRST_NIGHT + timedelta(days=30), house.encoder).seq


def _hurt(entry: Path, damage: str) -> None:
    if damage == "missing":
        entry.unlink()
    else:
        entry.write_bytes(b"" if damage == "empty" else entry.read_bytes()[:40])


@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_an_entry_is_made_again_of_its_rows_and_heal_agrees(house: House, damage: str) -> None:
    before = house.lake.documents.state(6)
    _hurt(_newest_entry(house), damage)
    assert doctor_report(house.settings, True, False)["findings"] == []
    assert house.lake.documents.state(6) == before
    assert _night_after(house) == 7


@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_no_night_publishes_where_its_rows_are_lost_too(house: House, damage: str) -> None:
    entry = _newest_entry(house)
    for line in entry.read_text().splitlines():
        if added := json.loads(line).get("add"):
            (entry.parents[1] / added["path"]).unlink()
    _hurt(entry, damage)
    for _ in range(2):
        with pytest.raises(LakehouseDamaged, match=r"document_changes .* is damaged: .* backup"):
            _night_after(house)
    assert next(one.seq for one in house.lake.releases("documents").history()) == 6


def test_no_night_publishes_on_documents_that_were_mended_to_others(house: House) -> None:
    entry = _newest_entry(house)
    _hurt(entry, "cut")
    with house.lake.lease("test", "test", 90):
        pass
    lines = [json.loads(line) for line in entry.read_text().splitlines()]
    kept = [line for line in lines if "add" not in line]
    entry.write_text("\n".join(json.dumps(line) for line in kept))
    for _ in range(2):
        with pytest.raises(LakehouseDamaged, match=r"is damaged: (it has|release 6: Delta gives)"):
            _night_after(house)


def test_doctor_says_what_a_writer_left_torn_and_heal_takes_it_back(house: House) -> None:
    before = house.lake.documents.state(6)
    folder = house.path("delta/document_changes")
    known = set(folder.glob("*.parquet"))
    key = next(iter(before))
    keys = pa.table({"source": [key[0]], "doc_id": [key[1]]})
    with house.lake.lease("test", "test", 90):
        house.lake.delta("document_changes").delete_matching(keys)
    (torn,) = set(folder.glob("*.parquet")) - known
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])
    found = doctor_report(house.settings, False, False)["findings"]
    assert ("unreadable", "almanac doctor --heal") in {(one["kind"], one["mend"]) for one in found}
    assert doctor_report(house.settings, True, False)["findings"] == []
    assert house.lake.documents.state(6) == before

"""Damage of a table that no index is made of holds up no healing, and nothing of people is lost."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime

import pytest

from almanac.releases.doctor import doctor
from almanac.releases.heal import heal
from lakehouse.assistants import StageStep, StoredPrompt
from schemas.documents import Access
from schemas.errors import LakehouseDamaged, VerificationFailed
from tests.releases.conftest import House

AT = datetime(2026, 3, 9, tzinfo=UTC)


def test_an_index_is_mended_beside_damaged_stages(house: House) -> None:
    def step(stage: str) -> StageStep:
        return StageStep("documents", "1" * 64, stage, "ada", "", AT, "run")

    house.lake.assistant_stages.append([step("staging")])
    (first,) = house.path("delta/assistant_stages").glob("*.parquet")
    house.lake.assistant_stages.append([step("production")])
    shutil.copy(first, house.root / "whole.parquet")
    first.write_bytes(first.read_bytes()[:100])  # of an entry that is not the newest
    newest = house.releases[0]
    next(house.path(f"lance/{newest.lance_table}.lance/data").iterdir()).unlink()
    found = {finding.where: finding.kind for finding in doctor(house.lake, "documents")["findings"]}
    assert found.pop("delta/assistant_stages") == "damaged_table"
    assert "missing_file" in found.values()
    left = heal(house.settings)["findings"]
    assert [(one.kind, one.where) for one in left] == [("damaged_table", "delta/assistant_stages")]
    assert "backup" in left[0].mend
    assert house.lake.read(house.releases[0]).least_rows(1)
    shutil.copy(house.root / "whole.parquet", first)
    assert doctor(house.lake, "documents")["findings"] == []


def test_damage_of_what_an_index_is_made_of_still_holds_up(house: House) -> None:
    for path in house.path("delta/chunks").glob("*.parquet"):
        path.write_bytes(b"")
    with pytest.raises(VerificationFailed, match="that say what an index holds, the first delta/"):
        heal(house.settings)


def test_what_nobody_can_make_again_is_set_aside(house: House) -> None:
    lake = house.lake
    for at, name in enumerate(("printer.md", "badge.md")):
        with lake.lease("test", "access", 60.0):
            lake.access.record({("documents", name): Access((f"user:{at}",), "rule")}, AT)
    newest = max(house.path("delta/access/_delta_log").glob("*.json"))
    newest.unlink()  # the file of its rows is named nowhere now
    stray = next(
        one.where for one in doctor(lake, "documents")["findings"] if one.kind == "stray_file"
    )
    data = house.path(stray).read_bytes()
    house.path("delta/chunks/part-left-over.parquet").write_bytes(b"?" * 99)
    assert heal(house.settings)["findings"] == []
    assert not house.path(stray).exists()
    assert [p.read_bytes() for p in house.path("set_aside").glob(f"*/{stray}")] == [data]
    assert not list(house.path("set_aside").glob("*/delta/chunks/*"))  # made again by a night
    assert any("its log names them nowhere" in str(one) for one in lake.set_aside())


@pytest.mark.parametrize("damage", ["cut", "other bytes"])
def test_a_damaged_row_of_many_takes_no_other_with_it(house: House, damage: str) -> None:
    lake = house.lake
    for name in ("one", "two", "three"):
        lake.prompts.keep(StoredPrompt(name, name, {"template": name}, "ada", AT))
    table = lake.delta("prompts")
    second = sorted(
        house.path("delta/prompts").glob("*.parquet"), key=lambda p: p.stat().st_mtime_ns
    )[1]
    data = bytearray(second.read_bytes())
    data[4:40] = bytes(36)
    second.write_bytes(data[: len(data) // 2] if damage == "cut" else data)
    with lake.lease("a night", "test", 60.0):  # which mends nothing that costs what was announced
        pass
    with pytest.raises(LakehouseDamaged, match=r"the table prompts .* can't be read"):
        table.check(read=True)
    assert heal(house.settings)["findings"] == []
    assert [one.prompt_id for one in house.lake.prompts.all()] == ["one", "three"]
    assert any("the rows of 1 files are lost" in str(one) for one in lake.set_aside())
    (kept,) = house.path("set_aside").glob("*/delta/prompts/*.parquet")
    assert kept.name == second.name

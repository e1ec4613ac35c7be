"""Tables that a crash or damage left unreadable, and what a writer and a reader make of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from lakehouse import Lakehouse, open_lakehouse
from lakehouse.assistants import StageStep
from lakehouse.disk import Disk
from schemas.errors import LakehouseDamaged
from schemas.tables import TABLES


def lake_with_split_rows(root: Path, rows: int) -> Lakehouse:
    """A lakehouse of which `splits` got one row in each of several commits."""
    lake = open_lakehouse(str(root))
    for ordinal in range(rows):
        lake.delta("splits").append([{"key": f"k{ordinal}", "side": "train", "ordinal": ordinal}])
    return lake


def entry(root: Path, table: str, version: int) -> Path:
    return root / "delta" / table / "_delta_log" / f"{version:020d}.json"


def keys(lake: Lakehouse) -> list[str]:
    return sorted(lake.delta("splits").read(["key"])["key"].to_pylist())


def write(lake: Lakehouse) -> None:
    with lake.lease("test", "test", 90):
        pass


@pytest.mark.parametrize("content", [b"", b'{"commitInfo":{"operati', b"\0" * 64])
def test_a_torn_newest_entry_is_left_out_then_set_aside(tmp_path: Path, content: bytes) -> None:
    lake = lake_with_split_rows(tmp_path, 3)
    entry(tmp_path, "splits", 3).write_bytes(content)
    assert keys(lake) == ["k0", "k1"]
    write(lake)
    assert keys(lake) == ["k0", "k1"]
    (note,) = lake.set_aside()
    assert (note.table, note.files) == ("splits", (f"_delta_log/{3:020d}.json",)) or note.files == (
        f"delta/splits/_delta_log/{3:020d}.json",
    )
    kept = tmp_path / note.folder / "delta" / "splits" / "_delta_log" / f"{3:020d}.json"
    assert kept.read_bytes() == content
    lake.delta("splits").append([{"key": "k9", "side": "train", "ordinal": 9}])
    assert keys(lake) == ["k0", "k1", "k9"]


def test_an_entry_in_the_middle_is_written_again_with_its_rows(tmp_path: Path) -> None:
    lake = lake_with_split_rows(tmp_path, 3)
    entry(tmp_path, "splits", 2).write_bytes(b"")
    with pytest.raises(LakehouseDamaged, match=r"the table splits .* entry 2 of its log is empty"):
        keys(lake)
    write(lake)
    assert keys(lake) == ["k0", "k1", "k2"]


@pytest.mark.parametrize(("torn", "kept"), [(0, []), (2, ["h0"]), (3, ["h0", "h1"])])
def test_what_a_night_wrote_and_did_not_announce_goes_from_its_first_torn_entry(
    tmp_path: Path, torn: int, kept: list[str]
) -> None:
    lake = open_lakehouse(str(tmp_path))
    row = {name: _value(field.type) for name, field in _fields("embeddings")}
    for number in range(4):
        lake.delta("embeddings").append([row | {"text_hash": f"h{number}"}])
    if kept:  # a release was published after the first of them
        lake.sealed.seal([f"delta/embeddings/_delta_log/{number:020d}.json" for number in (0, 1)])
    entry(tmp_path, "embeddings", torn).write_bytes(b"")
    write(lake)
    found = lake.delta("embeddings").read(["text_hash"])["text_hash"].to_pylist()
    assert sorted(found) == kept
    (note,) = lake.set_aside()
    assert f"delta/embeddings/_delta_log/{3:020d}.json" in note.files


@pytest.mark.parametrize("table", ["lease", "source_files", "sealed_files"])
@pytest.mark.parametrize("size", [0, 100])
def test_a_cache_with_a_damaged_file_is_made_anew(tmp_path: Path, table: str, size: int) -> None:
    lake = open_lakehouse(str(tmp_path))
    write(lake)
    row = {name: _value(field.type) for name, field in _fields(table)}
    if table != "lease":
        lake.delta(table).append([row])
    for file in (tmp_path / "delta" / table).glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:size])
    write(lake)
    write(lake)
    assert any(note.table == table for note in lake.set_aside())


def test_a_lease_made_anew_is_above_every_number_that_was_committed(tmp_path: Path) -> None:
    lake = open_lakehouse(str(tmp_path))
    for _ in range(3):
        with lake.lease("test", "test", 90) as held:
            lake.delta("splits").append([{"key": "k", "side": "train", "ordinal": held.number}])
            number = held.number
    for file in (tmp_path / "delta" / "lease" / "_delta_log").iterdir():
        file.write_bytes(b"")
    with lake.lease("test", "test", 90) as held:
        assert held.number > number
        lake.delta("splits").append([{"key": "k", "side": "train", "ordinal": held.number}])


def test_a_number_that_was_used_up_is_not_given_again(tmp_path: Path) -> None:
    releases = open_lakehouse(str(tmp_path)).releases("documents")
    assert releases.next_seq() == 1
    releases.use_up(6)
    assert releases.next_seq() == 7
    releases.use_up(3)
    assert releases.next_seq() == 7


def test_what_engines_raise_reaches_nobody(tmp_path: Path) -> None:
    lake = lake_with_split_rows(tmp_path, 2)
    for file in (tmp_path / "delta" / "splits").glob("*.parquet"):
        file.write_bytes(b"no parquet at all")
    with pytest.raises(LakehouseDamaged) as caught:
        keys(lake)
    said = str(caught.value)
    assert "the table splits" in said
    assert "almanac doctor" in said
    assert not any(word in said for word in ("Error", "Parquet", "parquet input", "\n"))


def test_a_folder_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr("lakehouse.disk._fsync", synced.append)
    (tmp_path / "lake" / "a").mkdir(parents=True)
    (tmp_path / "lake" / "a" / "file").write_text("x", encoding="utf-8")
    disk = Disk(tmp_path / "lake")
    disk.sync()
    assert [Path(one).name for one in synced] == ["file", "a", "lake", tmp_path.name]
    synced.clear()
    disk.sync()
    assert synced == []
    (tmp_path / "lake" / "a" / "new").write_text(json.dumps({}), encoding="utf-8")
    disk.sync("a")
    assert [Path(one).name for one in synced] == ["new", "a"]


def test_what_people_decided_of_an_assistant_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr("lakehouse.disk._fsync", synced.append)
    lake = open_lakehouse(str(tmp_path / "lake"))
    step = StageStep("handbook", "a" * 64, "production", "ann", "", datetime.now(UTC), "run")
    lake.assistant_stages.append([step])
    folder = tmp_path / "lake" / "delta" / "assistant_stages"
    written = {str(one) for one in folder.rglob("*") if one.suffix in (".json", ".parquet")}
    assert len(written) >= 2
    assert written <= set(synced)


def _fields(table: str) -> list[tuple[str, pa.Field]]:
    return [(field.name, field) for field in TABLES[table].schema]


def _value(kind: pa.DataType) -> object:
    if pa.types.is_list(kind):
        return []
    if pa.types.is_string(kind):
        return "x"
    if pa.types.is_binary(kind):
        return b"x"
    return 1 if pa.types.is_integer(kind) else None if pa.types.is_timestamp(kind) else True

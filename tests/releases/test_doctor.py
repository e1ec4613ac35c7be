from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lance
import lancedb
import numpy as np
import pyarrow as pa
import pytest
from lancedb.index import FTS

from almanac.releases.doctor import doctor
from almanac.releases.heal import heal
from almanac.releases.restore import restore
from almanac.releases.retention import apply
from almanac.releases.verify import verify
from lakehouse.releases import Release
from lakehouse.rows import row_hash
from schemas.documents import Document
from schemas.errors import VerificationFailed
from schemas.hashing import sha256_text
from schemas.settings import EmbedderSettings
from schemas.tables.releases import index_schema
from tests.releases.conftest import DIMENSION, House, ToyEncoder, contents, kinds

Found = list[tuple[str, str]]
Plant = Callable[[House], Found]
FULL_TEXT = FTS(language="English", stem=True, remove_stop_words=False, ascii_folding=True)


def examine(house: House, quick: bool = False) -> dict[str, Any]:
    return doctor(house.lake, house.settings.index.name, quick)


def row_of(house: House, doc_id: str) -> dict[str, Any]:
    """The first row of a document in release 6."""
    rows = house.rows(6).to_pylist()
    return next(row for row in rows if row["doc_id"] == doc_id)


def where(row: dict[str, Any]) -> str:
    return f"chunk_id = '{row['chunk_id']}'"


def written(house: House, change: Callable[[Any], None], covered: bool = True) -> None:
    """Change the rows of release 6 as its readers get them, and leave the rest as it is."""
    release = house.release(6)
    table = lancedb.connect(str(house.path("lance"))).open_table(release.lance_table)
    change(table)
    if covered:
        table.create_index("text", config=FULL_TEXT, replace=True)
    table.tags.update(release.lance_tag, table.version)


def rows_table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), index_schema(DIMENSION))


def missing_row(house: House) -> Found:
    row = row_of(house, "backup.md")
    written(house, lambda table: table.delete(where(row)))
    return [("missing_row", row["chunk_id"])]


def many_missing_rows(house: House) -> Found:
    rows = [row for row in house.rows(6).to_pylist() if row["doc_id"].startswith("guide-")]
    written(house, lambda table: table.delete("doc_id LIKE 'guide-%'"))
    return sorted(("missing_row", row["chunk_id"]) for row in rows)


def extra_row(house: House) -> Found:
    row = row_of(house, "backup.md") | {"doc_id": "ghost.md", "chunk_id": "f" * 32}
    vector = np.asarray(row["vector"], "<f4").tobytes()
    row["row_hash"] = row_hash(row["chunk_id"], row["text_hash"], vector)
    written(house, lambda table: table.add(rows_table(row)))
    return [("extra_row", "f" * 32)]


def doubled_row(house: House) -> Found:
    row = row_of(house, "backup.md")
    written(house, lambda table: table.add(rows_table(row)))
    return [("doubled_row", row["chunk_id"])]


def changed(kind: str, **values: Any) -> Plant:
    def plant(house: House) -> Found:
        row = row_of(house, "backup.md")

        def change(table: Any) -> None:
            table.delete(where(row))
            table.add(rows_table(row | values))

        written(house, change)
        return [(kind, row["chunk_id"])]

    plant.__name__ = kind
    return plant


def wrong_text_with_its_hashes(house: House) -> Found:
    row = row_of(house, "backup.md")
    text = "The backup never starts."
    vector = np.asarray(row["vector"], "<f4").tobytes()
    hashes: dict[str, Any] = {"text_hash": sha256_text(text)}
    hashes["row_hash"] = row_hash(row["chunk_id"], hashes["text_hash"], vector)
    return changed("wrong_text", text=text, **hashes)(house)


def bad_vector_with_its_hash(house: House) -> Found:
    row = row_of(house, "backup.md")
    vector = np.full(DIMENSION, 0.25, np.float32)
    hashed = row_hash(row["chunk_id"], row["text_hash"], vector.tobytes())
    return changed("bad_vector", vector=vector, row_hash=hashed)(house)


def wrong_embedder(house: House) -> Found:
    other = ToyEncoder(seed=2)
    row = row_of(house, "backup.md")
    vectors = other.encode([row["text"]])
    house.lake.vectors.append(other.identity.key, [row["text_hash"]], vectors)
    house.lake.seal_tables()
    return changed("wrong_embedder", vector=vectors[0])(house)


def uncovered_text(house: House) -> Found:
    row = row_of(house, "backup.md")

    def change(table: Any) -> None:
        table.delete(where(row))
        table.add(rows_table(row))

    written(house, change, covered=False)
    return [("uncovered_text", "release 6")]


def several_at_once(house: House) -> Found:
    rows = {name: row_of(house, f"{name}.md") for name in ("backup", "post", "rooms", "badge")}

    def change(table: Any) -> None:
        for name in ("backup", "post", "rooms"):
            table.delete(where(rows[name]))
        table.add(rows_table(rows["post"] | {"text": "Nonsense."}))
        table.add(rows_table(rows["rooms"] | {"vector": [1.0] + [0.0] * (DIMENSION - 1)}))
        table.add(rows_table(rows["badge"]))

    written(house, change)
    return sorted(
        [
            ("missing_row", rows["backup"]["chunk_id"]),
            ("wrong_text", rows["post"]["chunk_id"]),
            ("bad_vector", rows["rooms"]["chunk_id"]),
            ("doubled_row", rows["badge"]["chunk_id"]),
        ]
    )


ROW_FAULTS: Sequence[Plant] = (
    missing_row,
    many_missing_rows,
    extra_row,
    doubled_row,
    changed("wrong_text", text="The backup never starts."),
    wrong_text_with_its_hashes,
    changed("bad_vector", vector=[0.0] * DIMENSION),
    changed("bad_vector", vector=None),
    bad_vector_with_its_hash,
    wrong_embedder,
    changed("wrong_hash", row_hash=b"\0" * 32),
    uncovered_text,
    several_at_once,
)


def lance_folder(release: Release) -> str:
    return f"lance/{release.lance_table}.lance"


def stray_table(house: House) -> Found:
    folder = house.path(lance_folder(house.release(6)))
    shutil.copytree(folder, folder.with_name("left-behind.lance"))
    return [("stray_table", "lance/left-behind.lance")]


def stray_tag(house: House) -> Found:
    release = house.release(6)
    dataset = lance.dataset(str(house.path(lance_folder(release))))
    dataset.tags.create("r00000007", release.lance_version)
    return [("stray_tag", lance_folder(release))]


def stray_file_in_lance(house: House) -> Found:
    path = f"{lance_folder(house.release(6))}/data/0123456789.lance"
    house.path(path).write_bytes(b"half a file")
    return [("stray_file", path)]


def stray_file_in_delta(house: House) -> Found:
    path = "delta/chunks/part-00000-0123.snappy.parquet"
    house.path(path).write_bytes(b"half a file")
    return [("stray_file", path)]


def unpublished_version(house: House) -> Found:
    release = house.release(6)
    table = lancedb.connect(str(house.path("lance"))).open_table(release.lance_table)
    table.delete("doc_id = 'backup.md'")
    return [("unpublished_version", lance_folder(release))]


def unpublished_snapshot(house: House) -> Found:
    document = Document(
        doc_id="new.md",
        title="New",
        text="New.",
        uri="new.md",
        media_type="text/markdown",
        content_hash="0" * 64,
        size=4,
    )
    house.lake.documents.append(7, "killed", [("documents", document)], [("documents", "post.md")])
    house.lake.seal_tables()
    return [("unpublished_snapshot", "snapshot 7")]


def unpublished_release(house: House) -> Found:
    log = house.lake.delta("placements")
    row = next(row for row in log.read().to_pylist() if row["seq"] == 6)
    log.append([row | {"seq": 7, "ordinal": row["ordinal"] + 1}])
    house.lake.seal_tables()
    return [("unpublished_release", "release 7")]


def unsealed_file(house: House) -> Found:
    log = house.lake.delta("embeddings")
    sealed = set(log.files())
    house.lake.vectors.append("0" * 16, ["0" * 64], np.ones((1, DIMENSION), np.float32))
    return [("unsealed_file", path) for path in sorted(set(log.files()) - sealed)]


def damaged_file(house: House) -> Found:
    """The rows that release 1 was made of, which every release since needs."""
    needs = [set(house.lake.tables.needed(one)) for one in house.releases]
    path = next(path for path in sorted(set.intersection(*needs)) if "/data/" in path)
    data = bytearray(house.path(path).read_bytes())
    data[len(data) // 3] ^= 1
    house.path(path).write_bytes(data)
    return [("damaged_file", path)]


def damaged_full_text(house: House) -> Found:
    needs = {one.seq: set(house.lake.tables.needed(one)) for one in house.releases}
    path = next(path for path in sorted(needs[6] - needs[5]) if "/_indices/" in path)
    with house.path(path).open("ab") as file:
        file.write(b"\0")
    return [("damaged_file", path)]


def damaged_manifest(house: House) -> Found:
    needs = {one.seq: set(house.lake.tables.needed(one)) for one in house.releases}
    path = next(path for path in sorted(needs[3] - needs[5]) if "/_versions/" in path)
    house.path(path).write_bytes(b"\0" * house.path(path).stat().st_size)
    return [("damaged_file", path)]


def damaged_tag(house: House) -> Found:
    path = f"{lance_folder(house.release(2))}/_refs/tags/r00000002.json"
    house.path(path).write_text("{}", encoding="utf-8")
    return [("damaged_file", path)]


def missing_file(house: House) -> Found:
    needs = {one.seq: set(house.lake.tables.needed(one)) for one in house.releases}
    path = next(path for path in sorted(needs[6] - needs[5]) if "/data/" in path)
    house.path(path).unlink()
    return [("missing_file", path)]


def missing_index_file(house: House) -> Found:
    """Of the full-text index: the folder that lists its files does not name it any more."""
    needs = {one.seq: set(house.lake.tables.needed(one)) for one in house.releases}
    path = next(path for path in sorted(needs[6] - needs[5]) if path.endswith("invert.lance"))
    house.path(path).unlink()
    return [("missing_file", path)]


def missing_index(house: House) -> Found:
    shutil.rmtree(house.path("lance"))
    return [("missing_index", f"release {seq}") for seq in range(1, 7)]


def moved_tag(house: House) -> Found:
    release = house.release(3)
    dataset = lance.dataset(str(house.path(lance_folder(release))))
    dataset.tags.update(release.lance_tag, house.release(2).lance_version)
    return [("moved_tag", "release 3")]


def missing_tag(house: House) -> Found:
    release = house.release(3)
    dataset = lance.dataset(str(house.path(lance_folder(release))))
    dataset.tags.delete(release.lance_tag)
    return [("moved_tag", "release 3")]


OTHER_FAULTS: Sequence[Plant] = (
    stray_table,
    stray_tag,
    stray_file_in_lance,
    stray_file_in_delta,
    unpublished_version,
    unpublished_snapshot,
    unpublished_release,
    unsealed_file,
    damaged_file,
    damaged_full_text,
    damaged_manifest,
    damaged_tag,
    missing_file,
    missing_index_file,
    missing_index,
    moved_tag,
    missing_tag,
)


def test_a_sound_lakehouse_has_no_findings_and_nothing_is_written(six: House) -> None:
    before = contents(six.path(""))
    for quick in (False, True):
        found = examine(six, quick)
        assert (found["ok"], found["release"], found["kinds"], found["findings"]) == (
            True,
            6,
            {},
            [],
        )
    assert contents(six.path("")) == before


def test_an_empty_place_is_sound(tmp_path: Path) -> None:
    house = House(tmp_path)
    found = examine(house)
    assert (found["ok"], found["release"], found["findings"]) == (True, None, [])


@pytest.mark.slow
@pytest.mark.parametrize("plant", [*ROW_FAULTS, *OTHER_FAULTS], ids=lambda plant: plant.__name__)
def test_each_fault_is_found_for_what_it_is_and_mended(house: House, plant: Plant) -> None:
    was = {seq: (house.answers(seq), house.rows(seq)) for seq in range(1, 7)}
    digests = {one.seq: one.digest for one in house.releases}
    planted = plant(house)
    found = examine(house)
    assert kinds(found) == planted
    assert not found["ok"]
    assert {finding.mend for finding in found["findings"]} == {"almanac doctor --heal"}
    mended = heal(house.settings)
    assert (mended["ok"], mended["findings"]) == (True, [])
    assert (mended["found"], mended["healed"]) == (found["kinds"], len(planted))
    assert mended["embedded"] == 0
    assert verify(house.lake, house.releases)["findings"] == []
    assert {one.seq: one.digest for one in house.releases} == digests
    for seq, before in was.items():
        assert (house.answers(seq), house.rows(seq)) == before, seq


@pytest.mark.slow
@pytest.mark.parametrize("plant", [many_missing_rows, damaged_file, stray_tag, unpublished_version])
def test_the_night_after_healing_goes_on(house: House, tmp_path: Path, plant: Plant) -> None:
    untouched = house.copied_to(tmp_path / "untouched")
    plant(house)
    assert heal(house.settings)["ok"]
    for one in (house, untouched):
        one.put("backup", "The backup starts at four.")
        one.remove("guide-8")
        assert one.night(7).seq == 7
    assert house.release(7).digest == untouched.release(7).digest
    assert house.rows(7).equals(untouched.rows(7))
    assert house.answers(7) == untouched.answers(7)
    assert examine(house)["findings"] == []


def test_only_rows_that_differ_are_written(house: House) -> None:
    missing_row(house)
    mended = heal(house.settings)
    assert (mended["rows_written"], mended["rebuilt"]) == (1, [])
    assert house.release(6).cause == "healed"


def test_healing_a_sound_lakehouse_writes_nothing_but_its_report(house: House) -> None:
    def own() -> dict[str, bytes]:
        found = contents(house.path(""))
        return {
            path: data
            for path, data in found.items()
            if not path.startswith(("delta/lease/", "delta/runs/"))
        }

    before = own()
    mended = heal(house.settings)
    assert (mended["ok"], mended["healed"], mended["rows_written"]) == (True, 0, 0)
    assert own() == before


def test_a_missing_vector_is_embedded_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    was = house.answers(6), house.rows(6)
    row = row_of(house, "backup.md")
    house.lake.delta("embeddings").delete(f"text_hash = '{row['text_hash']}'")
    house.lake.seal_tables()
    assert kinds(examine(house)) == [("missing_vector", row["text_hash"])]
    encoder = ToyEncoder()
    # The toy stands where a model is opened by its name.
    monkeypatch.setattr("almanac.releases.heal.embedder_of", lambda release, settings: settings)
    monkeypatch.setattr("almanac.embedding.factory.open_encoder", _opens(encoder))
    mended = heal(house.settings)
    assert (mended["ok"], mended["embedded"], encoder.calls) == (True, 1, 1)
    assert (house.answers(6), house.rows(6)) == was
    assert verify(house.lake, house.releases)["findings"] == []


def _opens(encoder: ToyEncoder) -> Callable[[EmbedderSettings], ToyEncoder]:
    return lambda settings: encoder


def test_a_foreign_file_is_named_and_left_to_a_person(house: House) -> None:
    house.path("notes.txt").write_text("mine", encoding="utf-8")
    assert kinds(examine(house)) == [("foreign_file", "notes.txt")]
    mended = heal(house.settings)
    assert (mended["ok"], mended["healed"]) == (False, 0)
    assert mended["findings"][0].mend == "move it elsewhere: nothing of Almanac is in it"
    assert house.path("notes.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("table", ["document_changes", "chunks", "releases", "placements"])
def test_nothing_is_mended_by_what_a_damaged_delta_table_says(house: House, table: str) -> None:
    path = next(path for path in house.lake.delta(table).files() if path.endswith(".parquet"))
    with house.path(path).open("ab") as file:
        file.write(b"\0")
    stray_table(house)
    lance_files = contents(house.path("lance"))
    found = examine(house)
    assert kinds(found) == [("damaged_file", path)]
    assert found["findings"][0].mend.startswith("bring it back from a backup")
    with pytest.raises(VerificationFailed, match=f"nothing was mended: 1 parts .* first {path}"):
        heal(house.settings)
    assert contents(house.path("lance")) == lance_files


def test_passages_that_delta_lost_are_no_fault_of_the_index(house: House) -> None:
    stored = house.lake.as_of(6).find("backup.md")
    row = row_of(house, "backup.md")
    house.lake.delta("chunks").delete(f"document_hash = '{stored.document_hash}'")
    house.lake.seal_tables()
    assert kinds(examine(house)) == [
        ("extra_row", row["chunk_id"]),
        ("other_snapshot", "release 6"),
    ]
    with pytest.raises(VerificationFailed, match="nothing was mended"):
        heal(house.settings)
    assert house.lake.read(house.release(6)).count_rows() == 23


def test_quick_looks_at_sizes_alone(house: House) -> None:
    planted = damaged_file(house)
    assert planted[0] not in kinds(examine(house, quick=True))
    assert kinds(examine(house)) == planted


def test_a_rollback_that_shares_a_version_is_examined_and_healed(house: House) -> None:
    restore(house.settings, 2)
    assert examine(house)["findings"] == []
    was = house.answers(7), house.answers(2)
    row = next(row for row in house.rows(7).to_pylist() if row["doc_id"] == "backup.md")
    release = house.release(7)
    table = lancedb.connect(str(house.path("lance"))).open_table(release.lance_table)
    table.restore(release.lance_version)
    table.delete(where(row))
    table.create_index("text", config=FULL_TEXT, replace=True)
    table.tags.update(release.lance_tag, table.version)
    assert ("missing_row", row["chunk_id"]) in kinds(examine(house))
    mended = heal(house.settings)
    assert (mended["ok"], mended["findings"]) == (True, [])
    assert (house.answers(7), house.answers(2)) == was
    assert verify(house.lake, house.releases)["findings"] == []


def test_a_damaged_reopened_table_of_another_release_is_rebuilt_alone(house: House) -> None:
    house.keep(pinned=(5, 4))
    apply(house.settings, datetime(2026, 3, 18, tzinfo=UTC))
    restore(house.settings, 2, "reopen")
    was = {seq: house.answers(seq) for seq in (6, 5, 4, 2)}
    tables = {one.seq: one.lance_table for one in house.releases if one.tier == "hot"}
    path = next(path for path in house.lake.tables.needed(house.release(2)) if "/data/" in path)
    house.path(path).unlink()
    assert kinds(examine(house)) == [("missing_file", path)]
    mended = heal(house.settings)
    assert (mended["ok"], mended["rebuilt"], mended["rows_written"]) == (True, [2], 23)
    after = {one.seq: one.lance_table for one in house.releases if one.tier == "hot"}
    assert {seq for seq in tables if tables[seq] != after[seq]} == {2}
    assert {seq: house.answers(seq) for seq in (6, 5, 4, 2)} == was

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from almanac.releases.doctor import doctor
from almanac.releases.verify import verify
from lakehouse import Lakehouse
from lakehouse.placements import moved, seal_placement
from lakehouse.releases import Release
from schemas.tables.releases import SEALED_TABLES
from tests.releases.conftest import House, contents, kinds

SEED = 20260301


def check(house: House, *numbers: int, quick: bool = False) -> dict[str, Any]:
    return verify(house.lake, [house.release(seq) for seq in numbers], quick)


@contextmanager
def flipped(file: Path, seed: int = SEED) -> Iterator[tuple[int, int]]:
    """One bit of a file is another for the length of the block."""
    sound = file.read_bytes()
    chosen = random.Random(f"{seed} {file.name}")
    at, bit = chosen.randrange(len(sound)), 1 << chosen.randrange(8)
    file.write_bytes(sound[:at] + bytes([sound[at] ^ bit]) + sound[at + 1 :])
    try:
        yield at, bit
    finally:
        file.write_bytes(sound)


def delta_files(lake: Lakehouse) -> list[str]:
    return [path for name in SEALED_TABLES for path in lake.delta(name).files()]


@pytest.mark.parametrize("quick", [False, True])
def test_a_sound_lakehouse_is_ok_and_nothing_is_written(six: House, quick: bool) -> None:
    before = contents(six.path(""))
    found = check(six, 1, 2, 3, 4, 5, 6, quick=quick)
    assert (found["ok"], found["quick"], found["findings"]) == (True, quick, [])
    assert [(one["release"], one["ok"], one["rows"]) for one in found["releases"]] == [
        (1, True, 21),
        (2, True, 23),
        (3, True, 23),
        (4, True, 24),
        (5, True, 24),
        (6, True, 23),
    ]
    assert {one["repeats"] for one in found["releases"]} == {"exact search, full text"}
    needed = {path for one in six.releases for path in six.lake.tables.needed(one)}
    assert found["files"] == len(needed) + len(delta_files(six.lake))
    assert contents(six.path("")) == before


def test_one_flipped_bit_in_any_file_of_an_index_is_found(house: House) -> None:
    for path in house.lake.tables.needed(house.release(6)):
        with flipped(house.path(path)) as flip:
            assert kinds(check(house, 6)) == [("damaged_file", path)], (path, flip)
    assert check(house, 6)["ok"]


@pytest.mark.slow
def test_one_flipped_bit_in_any_file_of_delta_is_found(house: House) -> None:
    release = house.release(6)
    for path in delta_files(house.lake):
        with flipped(house.path(path)) as flip:
            found = kinds(verify(house.lake, [release]))
            damaged = [where for kind, where in found if kind == "damaged_file"]
            assert damaged == [path], (path, flip)
            # What can't be read any more is said of the release; a log may name a file wrongly.
            others = {kind for kind, _ in found} - {"damaged_file"}
            assert others <= {
                "unreadable",
                "missing_file",
                "other_files",
                "broken_seal",
                "changed_release",
                "other_documents",
                "other_answers",
                "other_rows",
            }, (path, flip, found)
    assert check(house, 6)["ok"]


@pytest.mark.slow
@pytest.mark.parametrize("seq", [3, 6])
def test_a_file_that_only_one_release_needs_leaves_the_others_sound(house: House, seq: int) -> None:
    tables = house.lake.tables
    needs = {one.seq: set(tables.needed(one)) for one in house.releases}
    others = set().union(*(needs[other] for other in needs if other != seq))
    for path in sorted(needs[seq] - others):
        with flipped(house.path(path)):
            found = check(house, 2, 3, 4, 5, 6)
        assert kinds(found) == [("damaged_file", path)]
        assert [one["release"] for one in found["releases"] if not one["ok"]] == [seq]


def test_a_shared_file_is_reported_for_each_release_that_needs_it(house: House) -> None:
    tables = house.lake.tables
    needs = {one.seq: set(tables.needed(one)) for one in house.releases}
    shared = sorted(path for path in needs[1] & needs[6] if "/data/" in path)
    assert shared
    with flipped(house.path(shared[0])):
        found = check(house, 1, 2, 3, 4, 5, 6)
    users = [seq for seq in range(1, 7) if shared[0] in needs[seq]]
    assert [one["release"] for one in found["releases"] if not one["ok"]] == users
    assert [finding.release for finding in found["findings"]] == users


@pytest.mark.parametrize("quick", [False, True])
def test_a_missing_file_is_found(house: House, quick: bool) -> None:
    lake, release = house.lake, house.release(6)
    others = {path for one in house.releases[1:] for path in lake.tables.needed(one)}
    own = [path for path in lake.tables.needed(release) if path not in others]
    for path in own:
        file = house.path(path)
        kept = file.read_bytes()
        file.unlink()
        found = check(house, 5, 6, quick=quick)
        file.write_bytes(kept)
        if "/_versions/" in path:
            expected = [("missing_index", "release 6")]
        elif "/_refs/" in path:
            expected = [("moved_tag", "release 6")]
        else:
            expected = [("missing_file", path)]
        assert kinds(found) == expected, path
    assert {path.split("/")[2] for path in own} == {
        "_indices",
        "_refs",
        "_versions",
        "data",
        "_deletions",
    }


def test_a_missing_delta_file_is_found(house: House) -> None:
    path = next(path for path in house.lake.delta("chunks").files() if path.endswith(".parquet"))
    house.path(path).unlink()
    found = kinds(check(house, 1, 2, 3, 4, 5, 6, quick=True))
    assert found == [("missing_file", path)]


def test_an_index_that_is_gone_altogether_is_found(house: House) -> None:
    shutil.rmtree(house.path("lance"))
    found = check(house, 4, 5)
    assert kinds(found) == [("missing_index", "release 4"), ("missing_index", "release 5")]


@pytest.mark.parametrize("quick", [False, True])
def test_a_moved_tag_is_found(house: House, quick: bool) -> None:
    import lance

    release = house.release(4)
    dataset = lance.dataset(str(house.path(f"lance/{release.lance_table}.lance")))
    dataset.tags.update(release.lance_tag, house.release(3).lance_version)
    found = check(house, 1, 2, 3, 4, 5, 6, quick=quick)
    assert kinds(found) == [("moved_tag", "release 4")]
    assert found["findings"][0].reason == (
        f"tag r00000004 names version {house.release(3).lance_version}, not {release.lance_version}"
    )


def rewrite(house: House, table: str, seq: int, **values: Any) -> None:
    """Other values in the row of a release, as one who has the files but not the code would."""
    log = house.lake.delta(table)
    rows = log.read().to_pylist()
    log.replace([row | values if row["seq"] == seq else row for row in rows])
    house.lake.seal_tables()


def test_a_changed_row_of_releases_is_found(house: House) -> None:
    rewrite(house, "releases", 4, digest="0" * 64)
    found = check(house, 1, 2, 3, 4, 5, 6)
    assert kinds(found) == [("changed_release", "release 4")]
    assert found["findings"][0].reason == "its record was changed: digest"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_id", "another"),
        ("snapshot_seq", 3),
        ("chunker", "another"),
        ("made_by", json.dumps({"code": "another"})),
    ],
)
def test_any_other_changed_name_of_a_release_is_found(
    house: House, name: str, value: object
) -> None:
    rewrite(house, "releases", 6, **{name: value})
    found = check(house, 5, 6, quick=True)
    assert ("changed_release", "release 6") in kinds(found)
    assert {finding.release for finding in found["findings"]} == {6}
    reasons = [one.reason for one in found["findings"] if one.kind == "changed_release"]
    assert reasons == [f"its record was changed: {name}"]


def test_a_row_that_was_changed_and_never_sealed_is_found_as_a_file(house: House) -> None:
    log = house.lake.delta("releases")
    sealed = set(log.files())
    rows = log.read().to_pylist()
    log.replace([row | {"run_id": "another"} for row in rows])
    fresh = sorted(set(log.files()) - sealed)
    found = kinds(check(house, 6, quick=True))
    assert [pair for pair in found if pair[0] == "unsealed_file"] == [
        ("unsealed_file", path) for path in fresh
    ]


def test_a_forged_seal_is_found(house: House) -> None:
    log = house.lake.delta("placements")
    row = next(row for row in log.read().to_pylist() if row["seq"] == 2)
    covered = json.loads(row["sealed"])
    covered["probes"] = []
    rewrite(house, "placements", 2, sealed=json.dumps(covered))
    assert kinds(check(house, 1, 2, 3)) == [("broken_seal", "release 2")]


def test_an_unsealed_release_is_found(house: House) -> None:
    house.lake.delta("placements").delete("seq = 2")
    house.lake.seal_tables()
    assert ("unsealed", "release 2") in kinds(check(house, 2, quick=True))
    assert check(house, 1, 3, quick=True)["ok"]


def go_cold(house: House, seq: int) -> Release:
    """Release `seq` leaves LanceDB, and so do its files where no other needs them."""
    lake, release = house.lake, house.release(seq)
    lake.placements.append([moved(lake, release, "cold", run_id="test", cause="a test")])
    lake.seal_tables()
    return house.release(seq)


def test_a_cold_release_is_verified_from_delta(house: House) -> None:
    assert go_cold(house, 3).tier == "cold"
    shutil.rmtree(house.path("lance"))
    assert check(house, 3)["findings"] == []
    text = house.lake.as_of(3).find("backup.md")
    house.lake.delta("chunks").delete(f"document_hash = '{text.document_hash}'")
    house.lake.seal_tables()
    assert kinds(check(house, 3)) == [("other_rows", "release 3")]
    assert check(house, 3, quick=True)["ok"]  # which reads no rows
    house.lake.delta("document_changes").delete("doc_id = 'backup.md'")
    house.lake.seal_tables()
    assert kinds(check(house, 3, quick=True)) == [("other_documents", "release 3")]


def test_a_text_without_a_vector_makes_a_cold_release_unreadable(house: House) -> None:
    go_cold(house, 3)
    house.lake.delta("embeddings").delete("true")
    house.lake.seal_tables()
    found = check(house, 3)
    assert kinds(found) == [("unreadable", "release 3")]
    assert "has no vector of 16 numbers for 23 texts" in found["findings"][0].reason


def test_what_is_gone_is_held_against_its_seal_alone(house: House) -> None:
    lake = house.lake
    lake.placements.append([moved(lake, house.release(1), "gone", run_id="test", cause="a test")])
    lake.seal_tables()
    found = check(house, 1)
    assert (found["ok"], found["releases"][0]["tier"]) == (True, "gone")


@pytest.mark.parametrize("table", ["releases", "placements", "document_changes", "sealed_files"])
def test_a_log_that_can_not_be_read_is_a_finding_and_no_crash(house: House, table: str) -> None:
    releases = house.releases
    file = house.path(f"delta/{table}/_delta_log/{0:020}.json")
    file.write_bytes(b"\0" * file.stat().st_size)
    where = f"delta/{table}/_delta_log/{0:020}.json"
    expected = (
        ("damaged_file", where)
        if table != "sealed_files"
        else ("damaged_table", "delta/sealed_files")
    )
    assert expected in kinds(verify(house.lake, releases))
    quick = kinds(verify(house.lake, releases, quick=True))
    assert ("damaged_table", f"delta/{table}") in quick
    assert kinds(doctor(house.lake, "documents")) == [expected]


def test_probes_that_answer_otherwise_are_found(house: House) -> None:
    lake, release = house.lake, house.release(6)
    sealed = lake.placements.sealed(6)
    assert sealed is not None and len(sealed[0]["probes"]) == 8
    probes = sealed[0]["probes"]
    first = probes[0] | {"vector": probes[0]["vector"][::-1]}
    other = seal_placement(lake, release, run_id="test", cause="", probes=[first, *probes[1:]])
    lake.placements.append([other])
    lake.seal_tables()
    found = check(house, 5, 6, quick=True)
    assert kinds(found) == [("other_answers", "release 6")]
    said = f"1 of 8 probes answer otherwise, the first {first['chunk_id']}"
    assert found["findings"][0].reason == said

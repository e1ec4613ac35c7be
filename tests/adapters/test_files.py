"""Files of an adapter in a lakehouse: whole or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from almanac.adapters import promotion
from almanac.adapters.files import fetch, store, unnamed
from almanac.releases.doctor import doctor
from schemas.errors import AdapterRefused
from schemas.hashing import sha256_bytes
from schemas.settings import Settings
from tests.adapters.conftest import House, MakeJob
from tests.lakehouse.test_object_storage import bucket  # noqa: F401 (a fixture)

NAMES = ["adapter_config.json", "adapter_model.safetensors", "job.json", "loss.png"]


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_what_is_stored_comes_back_byte_by_byte(house: House, tmp_path: Path) -> None:
    found = store(house.lake, "a1", house.job)
    assert list(found) == [f"adapters/a1/{name}" for name in NAMES]
    weights = (house.job / "adapter" / "adapter_model.safetensors").read_bytes()
    assert found["adapters/a1/adapter_model.safetensors"] == {
        "bytes": len(weights),
        "sha256": sha256_bytes(weights),
    }
    assert store(house.lake, "a1", house.job) == found
    house.offer("a1")
    written = fetch(house.lake, house.lake.adapters.find("a1"), tmp_path / "out")
    assert [file.name for file in written] == NAMES
    assert files_of(tmp_path / "out")["adapter_model.safetensors"] == weights


def test_files_without_a_row_are_found(house: House) -> None:
    house.offer("a1")
    assert unnamed(house.lake) == []
    store(house.lake, "killed", house.job)
    assert unnamed(house.lake) == [f"adapters/killed/{name}" for name in NAMES]


@pytest.mark.parametrize(
    ("name", "said"),
    [("training_args.bin", "training_args.bin"), ("adapter_model.bin", "and nothing else")],
)
def test_pickles_are_refused(house: House, tmp_path: Path, name: str, said: str) -> None:
    job = Path(shutil.copytree(house.job, tmp_path / "job"))
    (job / "adapter" / name).write_bytes(b"\x80\x04.")
    with pytest.raises(AdapterRefused, match=said):
        store(house.lake, "a1", job)
    assert house.lake.sizes("adapters") == {}


def test_a_job_without_weights_or_with_broken_ones_is_refused(house: House, tmp_path: Path) -> None:
    job = Path(shutil.copytree(house.job, tmp_path / "job"))
    weights = job / "adapter" / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(AdapterRefused, match="no safetensors file"):
        store(house.lake, "a1", job)
    weights.unlink()
    with pytest.raises(AdapterRefused, match=r"has no adapter_model\.safetensors"):
        store(house.lake, "a1", job)


def test_a_known_adapter_never_gets_other_weights(house: House, make_job: MakeJob) -> None:
    house.offer("a1")
    with pytest.raises(AdapterRefused, match="never changes"):
        store(house.lake, "a1", make_job(seed=1))


def test_a_tune_that_is_run_again_leaves_what_a_person_approved(
    house: House, tmp_path: Path
) -> None:
    house.offer("a1")
    job = Path(shutil.copytree(house.job, tmp_path / "job"))
    (job / "loss.png").write_bytes(b"drawn anew")
    house.job = job
    house.offer("a1")
    promotion.approve(house.settings, "a1", "ann", "fine")
    (job / "loss.png").write_bytes(b"and again")
    house.offer("a1")
    assert house.lake.get_file("adapters/a1/loss.png") == b"drawn anew"
    assert promotion.approve(house.settings, "a1", "ann", "fine")["stage"] == "production"


def test_damaged_and_missing_files_are_refused_by_name(house: House, tmp_path: Path) -> None:
    house.offer("a1")
    adapter = house.lake.adapters.find("a1")
    path = "adapters/a1/adapter_model.safetensors"
    data = bytearray(house.lake.get_file(path))
    data[-1] ^= 1
    house.lake.put_file(path, bytes(data))
    with pytest.raises(AdapterRefused, match=f"{path} of adapter a1 is damaged"):
        fetch(house.lake, adapter, tmp_path / "out")
    house.lake.delete_files([path])
    with pytest.raises(AdapterRefused, match=f"{path} of adapter a1 is missing"):
        fetch(house.lake, adapter, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(AdapterRefused, match="is missing"):
        promotion.approve(house.settings, "a1", "ann", "fine")


def test_a_folder_with_other_files_is_left_alone(house: House, tmp_path: Path) -> None:
    house.offer("a1")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(AdapterRefused, match="is not empty"):
        fetch(house.lake, house.lake.adapters.find("a1"), tmp_path)


@pytest.mark.slow
def test_the_same_on_object_storage(bucket, job: Path, tmp_path: Path) -> None:  # noqa: F811
    options = dict(bucket.location.options)
    house = House(Settings(lakehouse=bucket.location.uri, storage_options=options), job)
    house.promote("a1")
    adapter = bucket.adapters.find("a1")
    fetch(bucket, adapter, tmp_path / "out")
    weights = (job / "adapter" / "adapter_model.safetensors").read_bytes()
    assert files_of(tmp_path / "out")["adapter_model.safetensors"] == weights
    assert unnamed(bucket) == []
    bucket.delete_files(["adapters/a1/adapter_config.json"])
    with pytest.raises(AdapterRefused, match=r"adapter_config\.json of adapter a1 is missing"):
        fetch(bucket, adapter, tmp_path / "again")


def test_a_doctor_takes_them_for_the_lakehouses_own(house: House) -> None:
    house.promote("a1")
    assert doctor(house.lake, "documents")["findings"] == []


def test_a_doctor_finds_a_damaged_file_and_those_of_a_killed_tune(house: House) -> None:
    house.offer("a1")
    house.lake.put_file("adapters/a1/loss.png", b"another picture")
    store(house.lake, "killed", house.job)
    found = doctor(house.lake, "documents")["findings"]
    damaged = [("damaged_adapter_file", "adapters/a1/loss.png")]
    killed = [("unnamed_adapter_file", f"adapters/killed/{name}") for name in NAMES]
    assert sorted((one.kind, one.where) for one in found) == sorted(damaged + killed)

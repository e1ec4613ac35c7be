"""Proving, restoring, mending, letting go and forgetting on S3, as a real HTTP server speaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from almanac.releases.doctor import doctor
from almanac.releases.erase import Subject, erase
from almanac.releases.heal import heal
from almanac.releases.restore import restore
from almanac.releases.retention import apply
from almanac.releases.verify import verify
from lakehouse import Lakehouse, open_lakehouse
from schemas.settings import Settings
from tests.lakehouse.test_object_storage import bucket  # noqa: F401 (a fixture)
from tests.releases.conftest import House, answers

pytestmark = pytest.mark.slow


def sound(settings: Settings) -> bool:
    lake = open_lakehouse(settings.lakehouse, settings.storage_options)
    assert doctor(lake, "documents")["findings"] == []
    report = verify(lake, lake.releases("documents").history())
    assert report["findings"] == []
    return bool(report["ok"])


def test_all_of_it_works_on_object_storage(bucket: Lakehouse, tmp_path: Path) -> None:  # noqa: F811
    house = House(tmp_path)
    options = dict(bucket.location.options)
    house.configure(lakehouse=bucket.location.uri, storage_options=options)
    house.put("printer", "All about the printer.")
    house.put("badge", "All about the badge.")
    house.night(1)
    house.put("badge", "A badge is blue.")
    house.night(2)
    first = bucket.releases("documents").as_of(1)
    recorded = answers(bucket.read(first), house.encoder)
    assert sound(house.settings)

    copy = f"{bucket.location.uri}-copy"
    assert restore(house.settings, 1, "copy", to=copy)["same_answers"]
    copied = open_lakehouse(copy, options)
    assert answers(copied.as_of(1).index, house.encoder) == recorded
    assert sound(house.settings.model_copy(update={"lakehouse": copy}))

    damaged = next(path for path in bucket.tables.needed(first) if "/data/" in path)
    bucket.delete_files([damaged])
    healed = heal(house.settings)
    assert healed["ok"] and healed["embedded"] == 0
    assert answers(bucket.as_of(1).index, house.encoder) == recorded

    assert restore(house.settings, 1, "publish")["release"] == 3
    house.keep(keep_last=1)
    assert apply(house.settings)["tiers"] == {"hot": 1, "cold": 2}
    restore(house.settings, 1, "reopen")
    assert answers(bucket.as_of(1).index, house.encoder) == recorded
    receipt = erase(house.settings, Subject(doc_id="badge.md"))
    assert receipt["releases"] == [3, 2, 1]
    assert sound(house.settings)

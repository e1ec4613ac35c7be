"""A lakehouse is upgraded by who writes to it, told by the doctor, and never read wrongly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lakehouse import format as formats
from lakehouse import open_lakehouse, upgrades
from lakehouse.location import Location
from lakehouse.upgrades.step import Step
from schemas.errors import FormatTooNew
from tests.compat.conftest import Written
from tests.compat.project import CommandFailed


def number(project: Written) -> int | None:
    file = project.root / "lake" / "format.json"
    return json.loads(file.read_text())["format"] if file.is_file() else None


def test_reading_upgrades_nothing_and_the_doctor_tells_what_is_due(own: Written) -> None:
    report = own.almanac("doctor")
    assert (report["ok"], report["format"]) == (True, 1)
    assert report["upgrades"] == ["format 2: store the number of the storage format"]
    assert own.almanac("upgrade", "--dry-run")["steps"] == report["upgrades"]
    assert number(own) is None
    done = own.almanac("upgrade")
    assert (done["before"], done["format"], done["steps"]) == (1, 2, report["upgrades"])
    report = own.almanac("doctor")
    assert (number(own), report["ok"], report["format"], report["upgrades"]) == (2, True, 2, [])
    assert own.almanac("upgrade")["steps"] == []


def test_a_killed_step_is_run_again(own: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[str] = []

    def run(location: Location) -> None:
        """Two parts; killed between them the first time."""
        folder = Path(location.uri) / "adapters"
        folder.mkdir(exist_ok=True)
        if not (folder / "first").exists():
            (folder / "first").write_text("done")
            parts.append("first")
            raise KeyboardInterrupt
        parts.append("second")

    steps = (*upgrades.STEPS, Step(3, "a planted step of two parts", run))
    monkeypatch.setattr(upgrades, "STEPS", steps)
    monkeypatch.setattr(formats, "FORMAT", 3)
    lake = open_lakehouse(str(own.root / "lake"))
    assert len(lake.pending_upgrades()) == 2
    with pytest.raises(KeyboardInterrupt), lake.lease("one", "a test", 90):
        raise AssertionError("the block is entered only once every step is done")
    assert number(own) == 2
    lake = open_lakehouse(str(own.root / "lake"))
    with lake.lease("two", "a test", 90):
        pass
    assert (number(own), parts) == (3, ["first", "second"])
    seq = own.tier("hot")[0]
    assert own.search(seq, "text") == own.recorded["answers"][seq]["text"]


VERBS = (
    ("history",), ("search", "printer"), ("documents",), ("runs",), ("quarantine", "list"),
    ("verify",), ("doctor",), ("doctor", "--heal"), ("upgrade",), ("feedback", "status"),
    ("feedback", "import"), ("triage",), ("dataset", "build"), ("adapters", "list"),
    ("restore", "--as-of", "1"), ("retention", "apply"), ("erase", "--user", "u-001"), ("plan",),
)  # fmt: skip


def test_a_later_format_is_refused_by_name(own: Written) -> None:
    (own.root / "lake" / "format.json").write_text('{"format": 99}')
    files = sorted(path for path in (own.root / "lake").rglob("*") if path.is_file())
    for verb in VERBS:
        with pytest.raises(CommandFailed, match=r"storage format 99, .* knows formats up to 2"):
            own.almanac(*verb)
    assert sorted(path for path in (own.root / "lake").rglob("*") if path.is_file()) == files


def test_a_new_lakehouse_has_the_newest_format_from_its_first_write(tmp_path: Path) -> None:
    lake = open_lakehouse(str(tmp_path / "lake"))
    assert (lake.format, lake.pending_upgrades()) == (formats.FORMAT, [])
    assert not (tmp_path / "lake").exists()
    with lake.lease("one", "a test", 90):
        stored = json.loads((tmp_path / "lake" / "format.json").read_text())
        assert stored == {"format": formats.FORMAT}
    (tmp_path / "lake" / "format.json").write_text('{"format": 99}')
    with pytest.raises(FormatTooNew), lake.lease("two", "a test", 90):
        raise AssertionError("another version upgraded it while it was open")

"""Verify and doctor as flows: what differs ends the run as failed and says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigError, LeaseHeld, VerificationFailed
from tests.flows.conftest import House
from tests.flows.test_keeping import newest_page, two_nights  # noqa: F401 (a fixture)


def an_index_file(house: House) -> Path:
    """The largest file of the index."""
    files = (path for path in Path(house.uri, "lance").rglob("*") if path.is_file())
    return max(files, key=lambda path: (path.stat().st_size, str(path)))


def test_a_damaged_file_fails_the_proof_and_is_mended(two_nights: House) -> None:  # noqa: F811
    from flows.doctor import doctor
    from flows.verify import verify

    where: dict[str, Any] = {"config": str(two_nights.config)}
    proven = verify(every=True, **where)
    assert [one["release"] for one in proven["releases"]] == [2, 1]
    page = newest_page("verify-report")
    assert "# Proven: 2 releases," in page and "(every byte)" in page and "Nothing to do." in page
    assert doctor(**where)["ok"]
    assert newest_page("doctor-report").startswith("# Nothing is wrong")

    file = an_index_file(two_nights)
    file.write_bytes(b"\0" + file.read_bytes()[1:])
    path = file.relative_to(two_nights.uri).as_posix()
    said = f"1 finding, the first: {path} has other bytes than when it was sealed; mended by: "
    with pytest.raises(VerificationFailed) as failed:
        doctor(**where)
    assert str(failed.value) == said + "almanac doctor --heal"
    assert verify(as_of="2026-03-01", quick=True, **where)["ok"]  # another release's files
    with pytest.raises(VerificationFailed, match="other bytes"):
        verify(every=True, **where)
    page = newest_page("verify-report")
    assert "releases differ (every byte)" in page and path in page
    assert "run *doctor* with *Mend what is found* (`almanac doctor --heal`)" in page

    assert doctor(heal=True, **where)["healed"] == 1
    assert newest_page("doctor-report").startswith("# Nothing is wrong\n\nMended: 1 finding.")
    assert verify(every=True, **where)["ok"]


def test_one_release_or_all_of_them(house: House) -> None:
    from flows.verify import verify

    with pytest.raises(ConfigError, match=r"^give either one release or every release"):
        verify(as_of=1, every=True, config=str(house.config))


def test_findings_are_looked_at_again_while_nobody_writes(
    two_nights: House,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from prefect.logging import disable_run_logger

    from schemas.settings import load_settings
    from tasks import verify as stages

    settings = load_settings(two_nights.config)
    looks = iter([{"ok": False, "findings": ["half done"]}, {"ok": True, "findings": []}] * 2)
    with disable_run_logger():
        assert stages.undisturbed(settings, "verify", "r1", lambda: next(looks))["ok"]
        monkeypatch.setattr(stages, "_PATIENCE", 0.1)
        with two_nights.lake.lease("other", "nightly run", 90.0), pytest.raises(LeaseHeld):
            stages.undisturbed(settings, "verify", "r1", lambda: next(looks))

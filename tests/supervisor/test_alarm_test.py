"""`almanac alarms test`, against a real receiver."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from almanac.cli.app import main
from tests.supervisor.receiver import receiver


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, address: str | None) -> tuple[int, str]:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("ALMANAC_ALARMS__ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("ALMANAC_ALARMS__ADDRESS", address)
    done = CliRunner().invoke(main, ["alarms", "test"])
    return done.exit_code, done.output.strip()


def test_a_message_arrives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with receiver() as hook:
        assert run(monkeypatch, tmp_path, hook.url) == (
            0,
            "A test message was taken by 1 address.",
        )
    assert hook.subjects == ["Almanac: a test"]


def test_one_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with receiver() as hook:
        hook.answer = 500
        code, said = run(monkeypatch, tmp_path, hook.url)
    assert code == 1 and "did not take the message (1 in all): see whether it is right" in said


def test_no_address_is_told_with_the_way_to_set_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, said = run(monkeypatch, tmp_path, None)
    assert code == 2 and "alarms reach nobody: set ALMANAC_ALARMS__ADDRESS" in said

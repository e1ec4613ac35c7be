from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from almanac.cli.dataset import dataset
from tests.dataset.logged import configured, faults, fill, lake_of, likes


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fill(lake_of(configured(tmp_path)), [*faults(range(12)), *likes(range(12, 18))])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dataset, [*arguments, "--lakehouse", "lake"])


def ask(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_build_list_show_export_and_diff(root: Path) -> None:
    result = ask("build")
    assert result.keys() >= {"dataset", "examples", "dropped", "split", "masked", "card", "new"}
    assert result["examples"].keys() == {"sft", "dpo", "kto"}
    assert result["split"].keys() == {"train", "held_back"}
    earlier = ask("build", "--to", "2026-01-05T15:00")
    assert earlier["dataset"] != result["dataset"]

    listed = ask("list")["datasets"]
    assert [one["dataset"] for one in listed] == [earlier["dataset"], result["dataset"]]
    assert ask("show", result["dataset"][:8])["card"] == result["card"]
    assert run("show", result["dataset"][:8]).stdout == result["card"]

    exported = ask("export", result["dataset"][:8], "--to", "out")
    sizes = {name: (root / "out" / name).stat().st_size for name in exported["files"]}
    assert (len(sizes), sizes) == (9, exported["files"])

    compared = ask("diff", earlier["dataset"], result["dataset"])
    assert compared["changed_side"] == [] and compared["same"] > 0
    assert len(compared["new"]) > 0


def test_what_people_read(root: Path) -> None:
    assert run("list").stdout == "No dataset yet: `almanac dataset build` makes one.\n"
    built = run("build").stdout
    assert built.startswith("Dataset ") and "its card: almanac dataset show" in built
    assert "which was there already" in run("build").stdout
    assert "first to last" in run("list").stdout
    assert "examples.parquet" in run("export", "--to", "out").stdout
    name = ask("list")["datasets"][0]["dataset"]
    assert "the same, 0 gone, 0 new, 0 examples on another side" in run("diff", name, name).stdout


def test_what_cannot_be_is_one_line_and_exit_code_1(root: Path) -> None:
    for arguments, said in (
        (("show",), "there is no dataset yet"),
        (("build", "--to", "2025-01-01"), "no request was asked in that time"),
    ):
        done = run(*arguments)
        assert done.exit_code == 1 and done.stderr.splitlines()[-1].startswith("almanac: ")
        assert said in done.stderr
    assert run("build", "--from", "soon").exit_code == 2

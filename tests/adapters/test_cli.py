"""The verbs over adapters, as a user's shell sees them."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from almanac.cli.adapters import adapters
from tests.adapters.conftest import House


def run(house: House, *arguments: str) -> Any:
    return CliRunner().invoke(adapters, [*arguments, "--lakehouse", house.settings.lakehouse])


def ask(house: House, *arguments: str) -> dict[str, Any]:
    done = run(house, *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_from_candidate_to_production_and_back(house: House, tmp_path: Path) -> None:
    assert "there is no lakehouse at" in run(house, "list").output
    house.promote("a1")
    house.offer("b2", base={"name": "org/tiny", "revision": "r1"})
    done = run(house, "approve", "b2", "--reason", "reads well")
    assert done.output == "Adapter b2 is now in staging.\n  in production: a1\n"
    again = run(house, "approve", "b2", "--to", "staging", "--reason", "fine")
    assert (again.exit_code, again.stderr) == (
        1,
        "almanac: adapter b2 is staging: its next step is production\n",
    )
    told = ask(house, "approve", "b2", "--to", "production", "--actor", "eve", "--reason", "fine")
    assert [(one["adapter"], one["to"], one["actor"]) for one in told["steps"]] == [
        ("b2", "production", "eve"),
        ("a1", "archived", "eve"),
    ]
    steps = ask(house, "history", "b2")["steps"]
    assert [(one["to"], one["actor"], one["reason"]) for one in steps] == [
        ("candidate", "the gate", "+9 % [4, 13]"),
        ("staging", getpass.getuser(), "reads well"),
        ("production", "eve", "fine"),
    ]
    shown = run(house, "show", "b2").output
    assert "b2: production, asked for as almanac-documents\n" in shown
    assert "the gate   offered it\n    - +9 % [4, 13]\n" in shown
    assert "adapters/b2/adapter_model.safetensors" in shown
    fetched = run(house, "fetch", "b2", "--to", str(tmp_path / "out"))
    assert "Wrote 4 files" in fetched.output and "vllm serve org/tiny" in fetched.output
    assert run(house, "rollback", "--actor", "eve").output == (
        "Adapter b2 is now in staging.\nAdapter a1 is now in production.\n  in production: a1\n"
    )
    assert "Adapter b2 is now rejected." in run(house, "reject", "b2", "--reason", "curt").output
    listed = run(house, "list").output.splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [["b2", "rejected"], ["a1", "production"]]


def test_an_erased_production_is_loud(house: House) -> None:
    house.promote("a1")
    rows = house.lake.delta("adapters").read().to_pylist()
    last = max(rows, key=lambda row: row["ordinal"])
    marked = last | {"status": "retrain", "ordinal": last["ordinal"] + 1}
    house.lake.delta("adapters").append([marked])
    for verb in (["list"], ["show", "a1"]):
        first = run(house, *verb).output.splitlines()[0]
        assert first.startswith("WARNING: adapter a1 (production)") and "AND IT ANSWERS" in first
    assert "production RETRAIN" in run(house, "list").output
    assert ask(house, "history")["steps"][-1]["actor"] == "an erasure"


def test_wrong_ids_are_one_line(house: House) -> None:
    house.offer("a1")
    for verb in (
        ["show", "zz"],
        ["approve", "zz"],
        ["fetch", "zz", "--to", "out"],
        ["history", "zz"],
        ["serve", "zz"],
    ):
        done = run(house, *verb)
        assert done.exit_code == 1
        assert done.stderr.startswith("almanac: no adapters begin with 'zz'")

"""Every verb tells a lakehouse from any other place, in one line, before it does anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import almanac
from almanac.cli.app import main
from lakehouse.place import check_place

# Those that make a lakehouse where there is none, or need none.
MAKERS = {"nightly", "plan", "backfill", "feedback import", "deploy", "up", "serve", "prompt push"}
GIVEN = {
    "erase": ["--doc", "a.md"],
    "search": ["a question"],
    "feedback import": ["README.md"],
    "quarantine dismiss": ["a.md"],
    "prompt preview": ["--question", "Who?"],
}
# Files that are looked at before the place is.
FILES = {"prompt push": str(Path(almanac.__file__).parent / "assistants/builtin/answer.j2")}


def verbs(group: click.Group = main, name: str = "") -> Iterator[tuple[str, click.Command]]:
    for word, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from verbs(command, f"{name}{word} ")
        else:
            yield f"{name}{word}", command


VERBS = {
    name: verb for name, verb in verbs() if name not in ("init", "alarms test", "golden approve")
}  # which look at none


def arguments(name: str) -> list[str]:
    """What the verb can't do without."""
    found = list(GIVEN.get(name, ()))
    for one in VERBS[name].params:
        if one.required:
            value = "1" if not isinstance(one.type, click.Path) else FILES.get(name, os.devnull)
            value = one.type.choices[0] if isinstance(one.type, click.Choice) else value
            found += [one.opts[0], value] if isinstance(one, click.Option) else [value]
    return found


def run(name: str, place: str) -> Result:
    return CliRunner().invoke(main, ["--lakehouse", place, *name.split(), *arguments(name)])


def check(done: Result, *words: str) -> None:
    assert done.exit_code == 1, (done.output, done.exception)
    lines = done.output.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("almanac: "), done.output
    assert all(word in lines[0] for word in (*words, "--lakehouse"))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("places")
    (root / "notes").mkdir()
    (root / "notes" / "page.md").write_text("# A page\n", encoding="utf-8")
    (root / "file.md").write_text("# A page\n", encoding="utf-8")
    (root / "empty").mkdir()
    return root


def test_there_are_verbs() -> None:
    assert len(VERBS) > 30 and set(VERBS) >= MAKERS | set(GIVEN)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_at_a_wrong_place(name: str, places: Path) -> None:
    check(run(name, str(places / "notes")), "folder of other things (page.md)", "no lakehouse")
    check(run(name, str(places / "file.md")), "is a file")
    check(run(name, str(places / "file.md" / "lake")), "can't be a folder")
    check(run(name, "zz://bucket/lake"), "can't be reached")
    if name in MAKERS:
        if name not in ("up", "deploy"):
            check(run(name, "/proc/lake"), "can't be written to")
        return
    check(run(name, str(places / "missing")), "there is no lakehouse at", "is not there")
    check(run(name, str(places / "empty")), "is an empty folder", "`almanac nightly` makes one")
    check(run(name, "/proc/lake"), "there is no lakehouse at /proc/lake")
    assert sorted(path.name for path in places.iterdir()) == ["empty", "file.md", "notes"]
    assert list((places / "empty").iterdir()) == []


@pytest.mark.parametrize("first", ["journal", "delta", "format.json", "adapters"])
def test_what_a_lakehouse_may_begin_with_is_one(first: str, tmp_path: Path) -> None:
    (tmp_path / first).mkdir()
    check_place(str(tmp_path), {}, writes=True)


@pytest.mark.parametrize("name", ["history", "nightly", "feedback status", "quarantine dismiss"])
def test_a_store_that_does_not_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = (
        '{"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "x", '
        '"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s3cret"}'
    )
    monkeypatch.setenv("ALMANAC_STORAGE_OPTIONS", options)
    done = run(name, "s3://no-such-bucket/lake")
    check(done, "s3://no-such-bucket/lake can't be reached (the connection is refused)")
    assert "s3cret" not in done.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes where rights forbid it")
@pytest.mark.parametrize("name", ["nightly", "retention apply"])
def test_a_folder_that_must_not_be_written(name: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    (lake / "delta").mkdir(parents=True)
    lake.chmod(0o500)
    check(run(name, str(lake)), "can't be written to (Permission denied)")

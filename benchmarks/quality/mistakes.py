"""Sixty mistakes that people make, run in one go: what is printed, and with which exit code.

    .venv/bin/almanac nightly --lakehouse /tmp/lake
    .venv/bin/python benchmarks/quality/mistakes.py --lakehouse /tmp/lake

They were made up without looking at the messages. Each runs in a folder of its own, and none may
change the lakehouse. The last line counts what ended without an error or with a traceback.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from click.testing import CliRunner

from almanac.cli.app import main as almanac

TOML = "almanac.toml"
# What was meant, the file almanac.toml if there is one, and the command; LAKE is the lakehouse.
MISTAKES: list[tuple[str, str | None, list[str]]] = [
    ("a folder that is not there", None, ["nightly", "--source", "dcos"]),
    ("an empty folder", None, ["nightly", "--source", "empty"]),
    ("a folder of pictures", None, ["nightly", "--source", "pictures"]),
    ("a path with a tilde", None, ["nightly", "--source", "~/no-such-folder"]),
    ("a bucket without credentials", None, ["plan", "--source", "s4://bucket/docs"]),
    ("no source at all", None, ["nightly"]),
    ("a date in words", None, ["nightly", "--source", "docs", "--as-of", "yesterday"]),
    ("a European date", None, ["search", "x", "--as-of", "03.03.2026"]),
    ("an American date", None, ["search", "x", "--as-of", "03/03/2026"]),
    ("the 30th of February", None, ["search", "x", "--as-of", "2026-02-30"]),
    ("a date before all", None, ["search", "x", "--as-of", "2001-01-01", "LAKE"]),
    ("a date in the future", None, ["nightly", "--source", "docs", "--as-of", "2099-01-01"]),
    ("a release that is not there", None, ["search", "x", "--as-of", "99", "LAKE"]),
    ("release zero", None, ["search", "x", "--as-of", "0", "LAKE"]),
    ("a negative release", None, ["search", "x", "--as-of", "-1", "LAKE"]),
    ("an hour only", None, ["search", "x", "--as-of", "14:00", "LAKE"]),
    ("no question", None, ["search", "LAKE"]),
    ("an empty question", None, ["search", "", "LAKE"]),
    ("a question without quotes", None, ["search", "who", "approves", "LAKE"]),
    ("no hits wanted", None, ["search", "x", "-k", "0", "LAKE"]),
    ("hits in words", None, ["search", "x", "-k", "ten", "LAKE"]),
    ("a mode that is not there", None, ["search", "x", "--mode", "fulltext", "LAKE"]),
    ("a file of questions not there", None, ["search", "--queries", "nowhere.jsonl", "LAKE"]),
    ("a file of questions as text", None, ["search", "--queries", "bad.jsonl", "LAKE"]),
    ("a lakehouse that is not there", None, ["history", "--lakehouse", "nowhere"]),
    ("a lakehouse that is a file", None, ["search", "x", "--lakehouse", "bad.jsonl"]),
    ("a lakehouse without a value", None, ["history", "--lakehouse"]),
    ("a verb misspelt", None, ["serach", "x"]),
    ("a verb of another tool", None, ["ingest", "docs"]),
    ("a verb of git", None, ["log"]),
    ("no verb but a question", None, ["how do I travel?"]),
    ("an option misspelt", None, ["search", "x", "--asof", "2026-03-03"]),
    ("an option of another verb", None, ["history", "--as-of", "2026-03-03"]),
    ("half a group", None, ["retention", "aply"]),
    ("a document not there", None, ["documents", "no-such.md", "LAKE"]),
    ("a withdrawal without a reason", None, ["withdraw", "1", "LAKE"]),
    ("a withdrawal of what is not there", None, ["withdraw", "7", "--reason", "x", "LAKE"]),
    ("a withdrawal of a word", None, ["withdraw", "last", "--reason", "x", "LAKE"]),
    ("a restore without a date", None, ["restore", "LAKE"]),
    ("a restore of what is not there", None, ["restore", "--as-of", "9", "LAKE"]),
    ("a copy to nowhere", None, ["restore", "--as-of", "1", "--mode", "copy", "LAKE"]),
    (
        "a copy onto a full folder",
        None,
        ["restore", "--as-of", "1", "--mode", "copy", "--to", "docs", "LAKE"],
    ),
    ("an erasure of nothing", None, ["erase", "LAKE"]),
    ("an erasure of what is not there", None, ["erase", "--doc", "no-such.md", "LAKE"]),
    ("a trace of what is not there", None, ["trace", "no-such-id", "LAKE"]),
    ("a request that is not there", None, ["feedback", "show", "no-such-id", "LAKE"]),
    ("a log that is not there", None, ["feedback", "import", "nowhere.jsonl", "LAKE"]),
    ("no log at all", None, ["feedback", "import", "LAKE"]),
    ("an adapter not there", None, ["adapters", "approve", "abc123", "LAKE"]),
    ("a dataset not there", None, ["dataset", "show", "abc123", "LAKE"]),
    ("a backfill without days", None, ["backfill", "LAKE"]),
    ("a configuration not there", None, ["history", "--config", "nowhere.toml"]),
    ("TOML without a quote", 'lakehouse = ".almanac\n', ["history"]),
    ("url for uri", '[sources.docs]\nurl = "./docs"\n', ["nightly"]),
    ("source for sources", '[source.docs]\nuri = "./docs"\n', ["nightly"]),
    ("a setting misspelt", '[embedder]\nmodle = "english"\n', ["history"]),
    ("a number as text", '[embedder]\nthreads = "two"\n', ["history"]),
    ("a setting at the top", 'model = "multilingual"\n', ["history"]),
    (
        "a model misspelt",
        '[sources.docs]\nuri = "docs"\n[embedder]\nmodel = "./mulitlingual"\n',
        ["nightly"],
    ),
    ("a kind misspelt", '[sources.docs]\nuri = "docs"\nkind = "foldr"\n', ["nightly"]),
]


def run(toml: str | None, command: list[str], lakehouse: str) -> tuple[int, str]:
    """The exit code and all that is printed, in a new folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for made in ("docs", "empty", "pictures"):
            (folder / made).mkdir()
        (folder / "docs/travel.md").write_text("# Travel\n\nThe head approves it.\n", "utf-8")
        (folder / "pictures/a.png").write_bytes(b"\x89PNG")
        (folder / "bad.jsonl").write_text("who approves travel?\n", "utf-8")
        if toml is not None:
            (folder / TOML).write_text(toml, "utf-8")
        os.chdir(folder)
        try:
            given = [part for part in command if part != "LAKE"]
            given += ["--lakehouse", lakehouse] if "LAKE" in command else []
            done = CliRunner().invoke(almanac, given)
        finally:
            os.chdir(before)
    said = done.output.replace(name, "…")
    if done.exception and not isinstance(done.exception, SystemExit):
        said += f"TRACEBACK {done.exception!r}"
    return done.exit_code, said


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--lakehouse", required=True)
    lakehouse = str(Path(arguments.parse_args().lakehouse).resolve())
    silent = tracebacks = 0
    for title, toml, command in MISTAKES:
        code, said = run(toml, command, lakehouse)
        silent += code == 0
        tracebacks += "TRACEBACK" in said
        print(f"## {title}: almanac {' '.join(command)}\n   exit {code}")
        print("\n".join(f"   {line}" for line in said.strip().splitlines()[-6:]))
    print(f"{len(MISTAKES)} mistakes, {silent} taken for right, {tracebacks} tracebacks")


if __name__ == "__main__":
    main()

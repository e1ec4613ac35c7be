"""Every entry of the folder of bad input ends as its manifest says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from almanac.sources.parsed import storable
from tests.sources.helpers import ingest

# Root reads these two all the same; they are for the run as another user.
ROOT_READS = {"fs/unreadable.md", "fs/closed_dir/inside.md"}
SECRET = "OUTSIDE-SECRET-7d1f"

# The first pass loads every module and starts the parser, while the interpreter may be read.
AS_NOBODY = """
import json, os, sys
from dataclasses import asdict
from schemas.settings import SourceSettings
from almanac.sources.reading import list_source, read_file

def ingest(source):
    listing = list_source(source)
    documents, rejections = {}, [asdict(r) for r in listing.rejections]
    for file in listing.files:
        reading = read_file(source, file)
        documents.update({d.doc_id: d.text for d in reading.documents})
        rejections.extend(asdict(r) for r in reading.rejections)
    return documents, rejections

source = SourceSettings(uri=sys.argv[1])
ingest(source)
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
print(json.dumps(ingest(source)))
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that other users may enter; pytest's own may not be."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def make(shared_data: Path, target: Path, *options: str) -> list[dict[str, Any]]:
    script = shared_data / "nasty" / "make_nasty.py"
    subprocess.run(
        [sys.executable, script, target, *options], check=True, stdout=subprocess.DEVNULL
    )
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return list(manifest["items"])


def verdicts(
    items: list[dict[str, Any]], texts: dict[str, str], rejected: list[tuple[str, str]]
) -> dict[str, str]:
    """The entries that did not end as expected, with what was expected."""
    files = {doc_id.partition("#")[0] for doc_id in texts}
    musts = {doc_id.partition("#")[0] for doc_id, severity in rejected if severity == "must"}
    named = {doc_id.partition("#")[0] for doc_id, _ in rejected}
    wrong = {}
    for item in items:
        path = storable(item["path"])
        as_expected = {
            "index": path in files and path not in musts,
            "skip": path not in files and path not in musts,
            "quarantine": path in musts,
            "either": path in files or path in named,
            "never": path not in files,
        }
        if not as_expected[item["expect"]]:
            wrong[path] = item["expect"]
    return wrong


@pytest.mark.parametrize(
    "options", [(), pytest.param(("--big", "--sparse"), marks=pytest.mark.slow)]
)
def test_every_entry_ends_as_the_manifest_says(
    shared_data: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    items = make(shared_data, tmp_path / "nasty", *options)
    documents, rejections = ingest(tmp_path / "nasty" / "source")
    texts = {doc_id: document.text for doc_id, document in documents.items()}
    wrong = verdicts(items, texts, [(r.doc_id, r.severity) for r in rejections])
    if os.geteuid() == 0:
        wrong = {path: expect for path, expect in wrong.items() if path not in ROOT_READS}
    assert wrong == {}
    assert len(items) == 128 + (3 if options else 0)
    assert not [doc_id for doc_id, text in texts.items() if SECRET in text]
    for rejection in rejections:
        json.dumps([rejection.doc_id, rejection.reason, rejection.value]).encode("utf-8")
        assert rejection.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_every_entry_as_another_user(shared_data: Path, public_folder: Path) -> None:
    items = make(shared_data, public_folder / "nasty")
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, public_folder / "nasty" / "source"],
        check=True,
        capture_output=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    texts, rejections = json.loads(done.stdout)
    # What a closed folder holds nobody can know; it is reported itself.
    inside = {"fs/closed_dir/inside.md": "quarantine"}
    rejected = [(r["doc_id"], r["severity"]) for r in rejections]
    assert verdicts(items, texts, rejected) == inside
    assert ("fs/closed_dir", "must") in rejected
    assert ("fs/unreadable.md", "must") in rejected
    assert not [doc_id for doc_id, text in texts.items() if SECRET in text]

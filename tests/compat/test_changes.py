"""Changes as later versions will make them, planted in a copy of the code: nothing old moves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.compat.conftest import Written
from tests.compat.test_going_on import dataset_of_now, with_feedback

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_api")]
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("almanac", "flows", "tasks", "lakehouse", "schemas", "expectations")
# (file, line that stands there, line that is added below it)
REQUEST_FIELD = [
    (
        "schemas/feedback.py",
        "    context_known: bool = True\n",
        "    principals: tuple[str, ...] = ()\n",
    ),
]
SEARCH_PARAMETER = [
    ("schemas/search.py", '    tokenizer: str = "words"', "    boost: float = 1.0\n"),
    (
        "schemas/sections/documents.py",
        "    language: Language = Field(",
        "    boost: float = 1.0\n",
    ),
]


DATASET_GUARD = [
    (
        "almanac/dataset/guards/chain.py",
        "from almanac.dataset.guards.near_duplicate import",
        "from almanac.dataset.guards.off_topic import OffTopic\n",
    ),
    (
        "almanac/dataset/guards/chain.py",
        "    before: list[Guard] = [",
        "    before.append(OffTopic())\n",
    ),
]
OFF_TOPIC = '''
"""`off_topic`: the question is not one of ours."""

from typing import ClassVar

from almanac.dataset.candidates import Candidate
from almanac.dataset.guards.rule import Figures, Forgetful


class OffTopic(Forgetful):
    """Nobody asks the help desk about guest wifi."""

    reason: ClassVar[str] = "off_topic"

    def check(self, candidate: Candidate) -> Figures | None:
        """`topic`, where the question names it."""
        return {"topic": "wifi"} if "wifi" in candidate.example.question else None
'''
DOCUMENT_FORMAT = [
    (
        "almanac/sources/formats.py",
        "FORMATS = (",
        '    Format("subtitles", ("srt",), "application/x-subrip", "subtitles", markup=False),\n',
    )
]
SUBTITLES = '''
"""Subtitles: their text without numbers and times."""

import re

from almanac.sources.decoding import decode
from almanac.sources.parsed import Options, Parsed


def parse(data: bytes, options: Options) -> Parsed:
    """One line a subtitle."""
    text, notes = decode(data)
    return Parsed(re.sub(r"(?m)^(\\d+|[\\d:,]+ --> [\\d:,]+)\\n", "", text), notes=notes)
'''


def changed(
    own: Written, change: list[tuple[str, str, str]], new: Mapping[str, str] | None = None
) -> Written:
    """The project in the hands of code with the change, and with new files of these texts."""
    code = own.root.parent / "code"
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, code / package, ignore=ignored)
    for name, before, added in change:
        lines = (code / name).read_text(encoding="utf-8").splitlines(keepends=True)
        (at,) = [at for at, line in enumerate(lines) if line.startswith(before)]
        lines.insert(at + 1, added)
        (code / name).write_text("".join(lines), encoding="utf-8")
    for name, text in (new or {}).items():
        (code / name).write_text(text.lstrip(), encoding="utf-8")
    return Written(own.root, code)


def assert_nothing_moved(project: Written) -> None:
    recorded = project.recorded
    assert project.almanac("verify", "--all")["findings"] == []
    seq = project.tier("hot")[0]
    for mode in ("vector", "hybrid"):
        assert project.search(seq, mode) == recorded["answers"][seq][mode]
    report = project.almanac("nightly")
    assert (report["status"], report["release"]) == ("unchanged", project.releases[0]["seq"])
    if "import" in recorded:
        taken = project.almanac("feedback", "import")
        assert {table: taken[table] for table in recorded["import"]} == recorded["import"]
        assert project.almanac("triage")["looked_into"] == 0
        dataset_of_now(project)


def test_a_field_of_the_request_log(own: Written) -> None:
    project = changed(with_feedback(own), REQUEST_FIELD)
    assert_nothing_moved(project)
    row = json.loads((project.root / "log.jsonl").read_text().splitlines()[1])
    log = project.root / "later.jsonl"
    used = row | {"request_id": "later", "principals": ["staff"]}
    log.write_text("\n".join(map(json.dumps, (row, used))), encoding="utf-8")
    for new in (1, 0):
        taken = project.almanac("feedback", "import", str(log))["requests"]
        assert (taken["new"], taken["known"], taken["quarantined"]) == (new, 2 - new, 0)
    log.write_text(json.dumps(used | {"principals": ["all"]}), encoding="utf-8")
    taken = project.almanac("feedback", "import", str(log))["requests"]
    assert (taken["known"], taken["quarantined"]) == (0, 1)
    # The code of before the change leaves what it does not know as it is.
    before = Written(project.root)
    assert before.almanac("feedback", "import")["requests"]["new"] == 0
    assert before.almanac("feedback", "status")["log"]["requests"] == 41


def test_a_search_parameter(own: Written) -> None:
    project = changed(own, SEARCH_PARAMETER)
    assert_nothing_moved(project)
    text = project.config.read_text(encoding="utf-8")
    project.config.write_text(text.replace("[index]", "[index]\nboost = 2.0"), encoding="utf-8")
    report = project.almanac("nightly")
    assert report["status"] == "published"
    assert project.almanac("history")["releases"][0]["search"]["boost"] == 2.0
    assert project.almanac("verify", "--all")["findings"] == []


def test_a_dataset_guard(own: Written) -> None:
    files = {"almanac/dataset/guards/off_topic.py": OFF_TOPIC}
    project = changed(with_feedback(own), DATASET_GUARD, files)
    before = project.recorded["dataset"]
    text = project.config.read_text(encoding="utf-8")
    project.config.write_text(text.replace("[dataset]", "[dataset]\nrules = 1"), "utf-8")
    built = project.almanac("dataset", "build")
    assert built["new"] and built["dataset"] != before["dataset"]
    # A question about each thing twice; of fewer faults, fewer likes go along.
    dropped = before["dropped"] | {"off_topic": 2, "like_cap": built["dropped"]["like_cap"]}
    assert built["dropped"] == dropped
    shown = project.almanac("dataset", "show", before["dataset"])
    assert shown["dataset"] == before["dataset"]


def test_a_document_format(own: Written) -> None:
    files = {"almanac/sources/parsers/subtitles.py": SUBTITLES}
    own.put("film.srt", "1\n00:00:01,000 --> 00:00:02,000\nThe tour begins on floor two.\n")
    assert own.almanac("plan")["files"]["not_read"][".srt"] == 1
    project = changed(own, DOCUMENT_FORMAT, files)
    report = project.almanac("nightly")
    documents = {name: report["documents"][name] for name in ("added", "modified", "deleted")}
    assert documents == {"added": 1, "modified": 0, "deleted": 0}
    (hit, *_) = project.almanac("search", "tour begins", "--mode", "text")["hits"]
    assert hit["doc_id"] == "film.srt"
    assert hit["text"].splitlines()[-1] == "The tour begins on floor two."
    assert "-->" not in hit["text"]

"""An erasure that was killed is finished, reaches every place, and what it took stays out."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from almanac.core.file_check import HEAL
from almanac.feedback.importing import import_feedback
from almanac.releases import retention
from almanac.releases.doctor import doctor
from almanac.releases.erase import Subject, allow, erase
from almanac.releases.heal import heal
from almanac.releases.restore import restore
from almanac.releases.verify import verify
from almanac.training.jobs import workdir
from lakehouse import open_lakehouse
from lakehouse.erasures import document_subject, user_subject
from lakehouse.files import Files
from lakehouse.maintenance import LanceTables
from lakehouse.mentions import Mentions
from lakehouse.personal import PLACES, folders
from lakehouse.table import Table
from schemas.errors import AlmanacError
from schemas.feedback import Passage, Request, Vote
from schemas.settings import TuningSettings
from schemas.tables import TABLES
from tests.releases.conftest import House
from tests.releases.test_erase import MARKER, SECRET, files_with, texts_in

AT = datetime(2026, 3, 9, tzinfo=UTC)
ONLY = f"Only {MARKER} knows where the key to the second safe is kept."
ELSE = f"{MARKER} says this in another passage, which is long enough to be told again."


@pytest.fixture(scope="session")
def secret(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The secret document, two copies of it, and what was asked about it."""
    house = House(tmp_path_factory.mktemp("secret"))
    for name in ("printer", "badge"):
        house.put(name, f"All about the {name}.")
    house.put(MARKER, ONLY, ELSE)
    house.night(1)
    house.put("badge", "A badge is blue.")
    (house.docs / "one.md").write_bytes((house.docs / f"{MARKER}.md").read_bytes())
    (house.docs / "two.md").write_bytes((house.docs / f"{MARKER}.md").read_bytes())
    house.night(2)
    house.put("printer", "A new printer.")
    house.night(3)
    return house


@pytest.fixture
def house(secret: House, tmp_path: Path) -> House:
    return secret.copied_to(tmp_path / "house")


def nowhere(house: House, marker: str = MARKER) -> None:
    """The bytes of no file hold it, nor what is packed in them."""
    assert files_with(house, marker) == []
    assert [text for text in texts_in(house) if marker in text] == []


def sound(house: House) -> None:
    assert verify(house.lake, house.releases)["findings"] == []
    assert doctor(house.lake, "documents")["findings"] == []


def chunks_of(house: House, doc_id: str, seq: int) -> list[tuple[str, str]]:
    rows = house.lake.read(house.release(seq)).least_rows(99)
    return [(row["chunk_id"], row["text"]) for row in rows if row["doc_id"] == doc_id]


def request(name: str, passages: Sequence[tuple[str, str]] = (), **values: Any) -> Request:
    context = tuple(Passage(*one) for one in passages)
    plain = {"user_id": "u", "question": f"What of {name}?", "response": "This."} | values
    return Request(request_id=name, asked_at=AT, context=context, **plain)


# Killed wherever it changes anything


class Killed(BaseException):
    """What no `except` of the product catches."""


@contextmanager
def killed_at(number: int) -> Iterator[list[str]]:
    """From the change of that number on, no change reaches the storage."""
    changes: list[str] = []

    def counted(method: Any) -> Any:
        def change(self: Any, *arguments: Any, **named: Any) -> Any:
            if getattr(self, "name", "") == "lease":  # renewed by time
                return method(self, *arguments, **named)
            changes.append(f"{type(self).__name__}.{method.__name__}")
            if len(changes) > number:
                raise Killed
            return method(self, *arguments, **named)

        return change

    with pytest.MonkeyPatch.context() as patched:
        for owner, name in (
            (Table, "_commit"), (Files, "write"), (Files, "delete"), (LanceTables, "drop"),
        ):  # fmt: off
            patched.setattr(owner, name, counted(getattr(owner, name)))
        yield changes


def changes_of_an_erasure(house: House) -> int:
    with killed_at(10**9) as changes:
        erase(house.settings, Subject(SECRET.doc_id, copies=True))
    return len(changes)


@pytest.mark.slow
@pytest.mark.parametrize("finisher", ["the same", "a night", "heal", "another erasure"])
def test_whatever_change_it_was_killed_at_it_is_finished(
    house: House, tmp_path: Path, finisher: str
) -> None:
    total = changes_of_an_erasure(house.copied_to(tmp_path / "whole"))
    assert total > 40
    first = {"the same": 0, "a night": 3, "heal": 6, "another erasure": 9}[finisher]
    for number in range(first, total, 12):
        mine = house.copied_to(tmp_path / f"killed-{number}")
        with killed_at(number), pytest.raises(Killed):
            erase(mine.settings, Subject(SECRET.doc_id, copies=True))
        begun = mine.lake.erasures.plan() is not None
        _finish(mine, finisher, begun)
        if begun or finisher == "the same":
            nowhere(mine)
            assert doctor(mine.lake, "documents")["findings"] == [], number
            assert verify(mine.lake, mine.releases)["findings"] == [], number
        shutil.rmtree(mine.root)


def _finish(house: House, finisher: str, begun: bool) -> None:
    if finisher == "the same":
        receipt = erase_again(house)
        assert receipt is None or receipt["touched"]["document_changes"] == 3
    elif finisher == "a night":
        for name in (f"{MARKER}.md", "one.md", "two.md"):
            (house.docs / name).unlink()
        house.put("later", "A document that came later.")
        house.night(9)
    elif finisher == "heal":
        heal(house.settings)
    elif begun:
        erase(house.settings, Subject("badge.md"))


def erase_again(house: House) -> dict[str, Any] | None:
    """The receipt; None where it was done but for the last word."""
    try:
        return erase(house.settings, Subject(SECRET.doc_id, copies=True))
    except AlmanacError as error:
        assert "no release and no quarantine row" in str(error)
        return None


ERASE = """
import sys
from almanac.releases.erase import Subject, erase
from schemas.settings import load_settings
erase(load_settings(sys.argv[1]), Subject(sys.argv[2], copies=True))
"""


@pytest.mark.slow
def test_killed_at_random_and_run_again_it_leaves_no_byte(house: House, tmp_path: Path) -> None:
    seed = random.Random(12)
    unbroken = house.copied_to(tmp_path / "unbroken")
    began = time.monotonic()
    _erase_process(unbroken).wait()
    length = time.monotonic() - began
    for number in range(4):
        mine = house.copied_to(tmp_path / f"random-{number}")
        process = _erase_process(mine)
        time.sleep(length * seed.uniform(0.4, 1.0))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        erase_again(mine)
        nowhere(mine)
        sound(mine)
        assert [one.digest for one in mine.releases] == [one.digest for one in unbroken.releases]
        shutil.rmtree(mine.root)


def _erase_process(house: House) -> subprocess.Popen[bytes]:
    config = house.root / "almanac.toml"
    config.write_text(
        f'lakehouse = "{house.settings.lakehouse}"\n[sources.documents]\nuri = "{house.docs}"\n'
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", ERASE, str(config), SECRET.doc_id], env=environment
    )


def test_an_unfinished_one_is_told_by_doctor_and_finished_by_every_writer(house: House) -> None:
    with killed_at(12), pytest.raises(Killed):
        erase(house.settings, SECRET)
    told = doctor(house.lake, "documents")["findings"]
    assert ("unfinished_erasure", HEAL) in {(one.kind, one.mend) for one in told}
    retention.apply(house.settings)
    assert house.lake.erasures.plan() is None
    assert house.lake.erasures.receipts()[0]["status"] == "erased"


def test_what_a_plan_takes_is_told_by_the_dry_run(house: House) -> None:
    seen = erase(house.settings, SECRET, dry_run=True)
    assert house.lake.erasures.plan() is None
    done = erase(house.settings, SECRET)
    assert {name: seen["touched"][name] for name in done["touched"]} == done["touched"]


# Every place


def test_every_place_of_a_lakehouse_is_in_the_registry(house: House) -> None:
    """A new table or folder needs an entry that says what it holds and how it is erased."""
    assert {f"delta/{name}" for name in TABLES} == {
        place for place in PLACES if place.startswith("delta/")
    }
    there = {path.partition("/")[0] for path in house.lake.sizes()}
    assert there <= {folder.rstrip("/") for folder in folders()}
    for place, holding in PLACES.items():
        assert holding.holds and holding.erased, place


def test_a_table_is_searched_by_the_columns_that_it_has() -> None:
    """Free text in a new column of these is looked through only where it is named."""
    from lakehouse.erasure_rows import DERIVED, TOLD_AGAIN

    for table, columns in {**DERIVED, **TOLD_AGAIN}.items():
        assert set(columns) <= set(TABLES[table].schema.names)


def test_a_passage_of_a_release_that_is_gone_leaves_the_requests(house: House) -> None:
    house.put("short", f"{MARKER} is what this says.", "A second one.")
    house.night(4)
    shown = chunks_of(house, "short.md", 4)
    house.remove("short")
    house.put("printer", "The newest printer.")
    house.night(5)
    house.keep(keep_last=1, cold_days=1)
    retention.apply(house.settings)
    assert house.release(4).tier == "gone"
    house.lake.requests.append(
        [request("q1", shown[:1]), request("q2", [("other", "Nothing.")]), request("q3", shown)]
    )
    receipt = erase(house.settings, Subject("short.md"))
    assert receipt["touched"]["requests"] == 2
    assert [one.request_id for one in house.lake.requests.rows()] == ["q2"]
    assert not any("is what this says" in text for text in texts_in(house))


def test_requests_that_tell_it_in_any_other_way_go_too(house: House) -> None:
    told = f"As it is written:\n{ONLY}\nThat is all."
    message = {"role": "user", "content": told}
    house.lake.requests.append(
        [
            request("answer", response=told),
            request("prompt", prompt=(message,)),
            request("history", history=(message,)),
            request("own-id", [("app-7", chunks_of(house, SECRET.doc_id, 1)[0][1])]),
            request("log", details={"retrieved": [SECRET.doc_id]}),
            request("vote"),
            request("other", response="It is in the safe, I was told."),
        ]
    )
    house.lake.votes.append(
        [Vote("vote", "u", AT, -1, correction=told), Vote("other", "u", AT, 1, comment="Good.")]
    )
    erase(house.settings, Subject(SECRET.doc_id, copies=True))
    assert [one.request_id for one in house.lake.requests.rows()] == ["other"]
    assert [one.request_id for one in house.lake.votes.rows()] == ["other"]
    nowhere(house)


def test_the_id_leaves_verdicts_on_requests_that_were_not_shown_it(house: House) -> None:
    def verdict(name: str, evidence: dict[str, Any], documents: list[list[str]]) -> dict[str, Any]:
        return {
            "request_id": name, "ordinal": 1, "cause": "model_fault", "action": "", "at": AT,
            "fingerprint": "", "run_id": "r",
            "evidence": json.dumps(evidence), "documents": json.dumps(documents),
        }  # fmt: off

    key = ["documents", SECRET.doc_id]
    rows = [
        verdict("watched", {"watched": [key]}, []),
        verdict("work", {}, [key]),
        verdict("prose", {"reason": f"it stands in {SECRET.doc_id}, in part"}, []),
        verdict("other", {"watched": [["documents", "badge.md"]], "n": 1}, []),
    ]
    house.lake.delta("triage").append(rows)
    erase(house.settings, Subject(SECRET.doc_id, copies=True))
    assert house.lake.delta("triage").read()["request_id"].to_pylist() == ["other"]
    nowhere(house)


def test_pages_and_job_folders_go_with_it(house: House, tmp_path: Path) -> None:
    house.configure(tuning=TuningSettings(workdir=str(tmp_path / "jobs")))
    for source in ("documents", "other"):
        house.lake.put_file(f"data_docs/{source}.html", f"<p>{MARKER}</p>".encode())
    kept = "set_aside/then/delta/lease/_delta_log/00000000000000000001.json"
    for path in ("set_aside/then/delta/document_changes/part.parquet", kept):
        house.lake.put_file(path, b"PAR1, and torn")
    house.lake.requests.append([request("q1", chunks_of(house, SECRET.doc_id, 1))])
    house.lake.delta("training_examples").append(
        [{"example_id": "e1", "request_id": "q1", "example": "{}"}]
    )
    for name, examples in (("with", [["e1", "train"]]), ("without", [["e2", "train"]])):
        house.lake.delta("datasets").append(
            [{"dataset": name, "ordinal": 1, "run_id": "r", "at": AT,
              "manifest": json.dumps({"examples": examples})}]
        )  # fmt: off
        folder = workdir(house.settings) / name
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps({"dataset": name}))
    receipt = erase(house.settings, SECRET)
    folders = {"data_docs": 1, "jobs": 1, "set_aside": 1, "journal": 0, "kept_answers": 0}
    assert receipt["folders"] == folders
    assert list(house.lake.sizes("set_aside")) == [kept]
    assert list(house.lake.sizes("data_docs")) == ["data_docs/other.html"]
    assert [path.name for path in workdir(house.settings).iterdir()] == ["without"]


def test_a_row_that_was_deleted_or_never_published_leaves_the_files(house: House) -> None:
    """It stands in the files of a table that answers without it."""
    house.put("leaving", f"{MARKER} leaves with release five.")
    house.night(4)
    house.remove("leaving")
    house.put("printer", "The newest printer.")
    house.night(5)
    house.keep(keep_last=1, cold_days=1)
    retention.apply(house.settings)
    house.lake.requests.append([request("q1", details={"document": "leaving.md"})])
    house.lake.delta("quarantine").append(
        [{"id": "i", "source": "documents", "doc_id": "leaving.md", "expectation": "e", "at": AT,
          "severity": "must", "value": "", "reason": "", "status": "open", "run_id": "r",
          "ordinal": 99}]
    )  # fmt: off
    erase(house.settings, Subject("leaving.md"))
    assert not any("leaves with release five" in text for text in texts_in(house))
    assert files_with(house, "leaves with release five") == []
    sound(house)


@pytest.mark.parametrize("short", ["1", "de", "2026"])
def test_a_short_id_is_no_part_of_anything_else(short: str) -> None:
    names = Mentions([short])
    report = {"as_of": "2026-03-01T02:00:00Z", "documents": 21, "de-DE": "model", "ids": [short]}
    text = json.dumps(report)
    assert names.are_in(text)
    assert names.without(report) == report | {"ids": ["[erased]"]}
    del report["ids"]
    assert not names.are_in(json.dumps(report))


def test_an_id_is_found_as_a_word_in_a_sentence_and_not_within_another() -> None:
    names = Mentions(["hr/anna.md"])
    assert names.are_in('{"reason":"hr/anna.md: it is empty"}')
    assert names.are_in("see (hr/anna.md).")
    assert not names.are_in("old/hr/anna.md and hr/anna.md-2 and hr/anna.mdx")
    said = {"reason": "hr/anna.md is empty", "rows": [{"doc_id": "hr/anna.md"}, {"doc_id": "b"}]}
    assert names.without(said) == {"reason": "[erased] is empty", "rows": [{"doc_id": "b"}]}


# It stays out


def test_what_was_erased_is_refused_under_every_other_id(house: House) -> None:
    receipt = erase(house.settings, Subject(SECRET.doc_id, copies=True))["receipt"]
    for name in ("one", "two", MARKER):
        house.remove(name)
    text = f"# Otherwise\n\n## Section\n\n{ONLY}\n"
    (house.docs / "renamed.md").write_text(
        f"# {MARKER.title()}\n\n## Section 1\n\n{ONLY}\n\n## Section 2\n\n{ELSE}\n",
        encoding="utf-8",
    )
    (house.docs / "deep").mkdir()
    (house.docs / "deep" / "moved.txt").write_text(ELSE.replace(" ", "\n"), encoding="utf-8")
    (house.docs / "passage.md").write_text(text, encoding="utf-8")
    house.put("fine", "Nobody knows where the key to the first safe is kept.")
    house.night(8)
    assert {key[1] for key in house.lake.as_of().documents} == {"badge.md", "printer.md", "fine.md"}
    refused = {row.doc_id: row for row in house.lake.quarantine.rows()}
    assert set(refused) == {"renamed.md", "deep/moved.txt", "passage.md"}
    for row in refused.values():
        assert row.expectation == "content_is_not_erased" and row.value == ""
        assert receipt in row.reason and "almanac erase --receipt" in row.reason
    assert not any("second safe" in text for text in texts_in(house))
    assert allow(house.settings, Subject(receipt=receipt))["allowed"] > 3
    for name in ("renamed.md", "passage.md"):
        (house.docs / name).touch()
    house.night(9)
    assert {key[1] for key in house.lake.as_of().documents} >= {"renamed.md", "passage.md"}


def test_the_named_case(tmp_path: Path, shared_cases: Path) -> None:
    house = House(tmp_path)
    source = shared_cases / "erased-and-back-under-another-name" / "input"
    shutil.copytree(source, house.docs, dirs_exist_ok=True)
    house.night(1)
    erase(house.settings, Subject("hr/anna.md"))
    (house.docs / "hr" / "anna.md").rename(house.docs / "hr" / "Anna.md")
    house.put("more", "Something else, so that there is something to publish.")
    house.night(2)
    assert {key[1] for key in house.lake.as_of().documents} == {"parking.md", "more.md"}
    refused = [(row.doc_id, row.expectation) for row in house.lake.quarantine.rows()]
    assert refused == [("hr/Anna.md", "content_is_not_erased")]


def test_what_others_say_as_well_is_not_refused(house: House) -> None:
    """A text that another document keeps, and a paragraph that every letter ends with."""
    footer = "This message is for the person that it was sent to and for nobody else."
    for name in ("letter", "reply"):
        house.put(name, f"This is the {name} which nobody else has ever written.", footer)
    house.night(4)
    erase(house.settings, SECRET)  # its copies stay
    erase(house.settings, Subject("letter.md"))
    house.put("fresh", "A third letter, written by somebody else entirely.", footer)
    (house.docs / "three.md").write_bytes((house.docs / "one.md").read_bytes())
    house.night(5)
    documents = {key[1] for key in house.lake.as_of().documents}
    assert documents >= {"one.md", "two.md", "three.md", "fresh.md", "reply.md"}


def test_a_log_that_still_has_it_is_not_taken_in_again(house: House, tmp_path: Path) -> None:
    lines = [
        request("shown", chunks_of(house, SECRET.doc_id, 1)),
        request("user", user_id=MARKER),
        request("other", [("c", "Something else.")]),
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(one.as_row()) + "\n" for one in lines), encoding="utf-8")
    import_feedback(house.settings, str(log), None)
    erase(house.settings, Subject(SECRET.doc_id, copies=True))
    erase(house.settings, Subject(user_id=MARKER))
    lines.append(request("new-id", chunks_of(house, "badge.md", 1), response=ONLY))
    log.write_text("".join(json.dumps(one.as_row()) + "\n" for one in lines), encoding="utf-8")
    again = import_feedback(house.settings, str(log), None)
    assert (again["requests"]["new"], again["requests"]["quarantined"]) == (0, 3)
    rules = {row.expectation for row in house.lake.quarantine.rows() if "feedback" in row.source}
    assert rules == {"request_is_not_erased", "user_is_not_erased", "content_is_not_erased"}
    nowhere(house)


def test_a_copy_keeps_out_what_was_erased(house: House, tmp_path: Path) -> None:
    erase(house.settings, Subject(SECRET.doc_id, copies=True))
    restore(house.settings, 3, mode="copy", to=str(tmp_path / "copy"))
    copy = open_lakehouse(str(tmp_path / "copy"))
    assert document_subject("documents", SECRET.doc_id) in copy.erasures.erased()


# Keyed


def test_a_user_cannot_be_told_from_a_stored_hash(house: House) -> None:
    house.lake.requests.append([request("q1", user_id="eve")])
    erase(house.settings, Subject(user_id="eve"))
    stored = house.lake.delta("erasures").read()["subject"].to_pylist()
    assert user_subject("eve") not in stored
    assert user_subject("eve") in house.lake.erasures.erased()
    assert user_subject("adam") not in house.lake.erasures.erased()


def test_rows_of_a_version_without_a_key_count_and_are_keyed(house: House) -> None:
    old = [
        {"receipt": "r", "subject": user_subject("eve"), "kind": "user", "status": "erased",
         "at": AT, "report": "{}", "ordinal": 1},
        {"receipt": "s", "subject": document_subject("documents", "gone.md"), "kind": "document",
         "status": "erased", "at": AT, "report": json.dumps({"receipt": "t"}), "ordinal": 2},
    ]  # fmt: off
    house.lake.delta("erasures").append(old)
    assert user_subject("eve") in house.lake.erasures.erased()
    erase(house.settings, SECRET)
    erased = house.lake.erasures.erased()
    for subject in (user_subject("eve"), document_subject("documents", "gone.md")):
        assert subject in erased
        assert subject not in house.lake.delta("erasures").read()["subject"].to_pylist()
        assert files_with(house, subject) == []
    allow(house.settings, Subject("gone.md"))
    assert document_subject("documents", "gone.md") not in house.lake.erasures.erased()
    assert user_subject("eve") in house.lake.erasures.erased()


def test_other_lakehouses_have_other_keys(house: House, tmp_path: Path) -> None:
    other = house.copied_to(tmp_path / "other")
    for one in (house, other):
        erase(one.settings, SECRET)
    mine, theirs = (set(one.lake.delta("erasures").read()["subject"].to_pylist())
                    for one in (house, other))  # fmt: off
    assert mine & theirs == set()

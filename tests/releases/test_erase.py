"""What is erased is nowhere: not in a file's bytes, not in a row, and it does not come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from almanac.client import log_request
from almanac.journal import Journal, journal_places
from almanac.releases import erasure_execution, retention
from almanac.releases.doctor import doctor
from almanac.releases.erase import Subject, allow, erase
from almanac.releases.heal import heal
from almanac.releases.restore import restore
from almanac.releases.verify import verify
from lakehouse import Lakehouse
from lakehouse.erasure_plan import Plan
from lakehouse.erasures import document_subject
from lakehouse.releases import Release
from lakehouse.rollouts import Judgement
from schemas.documents import Rejection
from schemas.errors import AlmanacError, ConfigError, RunRefused
from schemas.feedback import Passage, Request, TriageLabel
from schemas.hashing import sha256_text
from tests.releases.conftest import House

# No compression shortens it, so that it would stand in the bytes of a file as it is.
MARKER = "qZ7vK1xW9pL3tR8m"
LATE = datetime(2026, 3, 9, tzinfo=UTC)
SECRET = Subject(doc_id=f"{MARKER}.md")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Four nights: the secret document comes in the second, is edited in the third."""
    house = House(tmp_path)
    for name in ("printer", "badge", "parking"):
        house.put(name, f"All about the {name}.", f"More about the {name}.")
    house.night(1)
    house.put(MARKER, f"Only {MARKER}-one knows.", "All about the printer.")
    house.night(2)
    house.put(MARKER, f"Only {MARKER}-two knows.", "All about the printer.")
    house.put("badge", "A badge is blue.")
    house.night(3)
    house.put("parking", "Park behind the house.")
    house.night(4)
    return house


def texts_in(house: House) -> Iterator[str]:
    """Every string that any file of the lakehouse holds, unpacked."""
    root = Path(house.settings.lakehouse)
    for file in root.rglob("*.parquet"):
        yield repr(pq.read_table(file).to_pylist())
    for folder in root.glob("lance/*.lance"):
        dataset = lance.dataset(str(folder))
        for version in dataset.versions():
            table = lance.dataset(str(folder), version=version["version"]).to_table()
            yield json.dumps(table.drop_columns(["vector", "row_hash"]).to_pylist())


def files_with(house: House, marker: str) -> list[str]:
    root = Path(house.settings.lakehouse)
    return [
        str(file.relative_to(root))
        for file in sorted(root.rglob("*"))
        if file.is_file() and marker.encode() in file.read_bytes()
    ]


def sound(house: House) -> bool:
    report = verify(house.lake, house.releases)
    assert report["findings"] == []
    assert doctor(house.lake, "documents")["findings"] == []
    return bool(report["ok"])


def digests(house: House) -> dict[int, str]:
    return {release.seq: release.digest for release in house.releases}


def test_the_marker_is_there_before(house: House) -> None:
    assert files_with(house, MARKER) != []
    assert any(MARKER in text for text in texts_in(house))


def test_an_erased_document_is_in_no_byte_of_any_file(house: House) -> None:
    before = digests(house)
    receipt = erase(house.settings, SECRET)
    assert files_with(house, MARKER) == []
    assert not any(MARKER in text for text in texts_in(house))
    assert receipt["releases"] == [4, 3, 2]
    assert receipt["touched"]["document_changes"] == 2
    assert receipt["touched"]["embeddings"] == 3  # each text has the title in it
    after = digests(house)
    assert {seq for seq in before if before[seq] != after[seq]} == {2, 3, 4}
    assert sound(house)


def test_what_others_say_too_stays_theirs(house: House) -> None:
    erase(house.settings, SECRET)
    newest = house.lake.as_of(4)
    assert {key[1] for key in newest.documents} == {"printer.md", "badge.md", "parking.md"}
    assert newest.index.text("printer", 1)[0].doc_id == "printer.md"
    assert newest.text(newest.find("printer.md")).count("All about the printer.") == 1


def test_the_affected_releases_are_marked_and_keep_their_published_seal(house: House) -> None:
    published = {
        one.seq: house.lake.releases("documents").published_seal(one.seq) for one in house.releases
    }
    receipt = erase(house.settings, SECRET)
    marks = {release.seq: release.mark for release in house.releases}
    assert marks[1] == ""
    assert all(receipt["receipt"] in marks[seq] for seq in (2, 3, 4))
    for seq in (2, 3, 4):
        covered, _ = house.lake.placements.sealed(seq)
        assert covered["published"] == published[seq]


def test_cold_releases_are_sealed_anew_too(house: House) -> None:
    house.keep(keep_last=1)
    retention.apply(house.settings)
    assert [release.tier for release in house.releases] == ["hot", "cold", "cold", "cold"]
    erase(house.settings, SECRET)
    assert files_with(house, MARKER) == []
    assert not any(MARKER in text for text in texts_in(house))
    assert sound(house)


def test_it_does_not_come_back_until_it_is_allowed(house: House) -> None:
    erase(house.settings, SECRET)
    house.put("printer", "A new printer.")
    later = house.night(5)
    assert later.documents == 3
    rows = house.lake.quarantine.rows()
    assert [row.expectation for row in rows if row.doc_id == SECRET.doc_id] == [
        "document_is_not_erased"
    ]
    assert not any(f"Only {MARKER}" in text for text in texts_in(house))
    allow(house.settings, SECRET)
    house.put(MARKER, f"Only {MARKER}-three knows.")
    assert house.night(6).documents == 4
    with pytest.raises(AlmanacError, match="allowed again already"):
        allow(house.settings, SECRET)


def test_a_dry_run_says_what_and_touches_nothing(house: House) -> None:
    before = house.lake.sizes()
    seen = erase(house.settings, SECRET, dry_run=True)
    assert seen["touched"]["versions"] == 2 and seen["touched"]["releases"] == [4, 3, 2]
    assert house.lake.sizes() == before


def test_an_unknown_document_is_refused_without_writing_its_name_down(house: House) -> None:
    with pytest.raises(AlmanacError, match="no release and no quarantine row"):
        erase(house.settings, Subject(doc_id="nobody-knows-me.md"))
    assert not any("nobody-knows-me" in text for text in texts_in(house))


def test_a_document_of_several_sources_must_be_named_with_one(house: House) -> None:
    from schemas.settings import SourceSettings

    sources = house.settings.sources | {"other": SourceSettings(uri=str(house.docs))}
    house.configure(sources=sources)
    house.night(5)
    with pytest.raises(ConfigError, match=r"documents, other"):
        erase(house.settings, Subject(doc_id="badge.md"))
    receipt = erase(house.settings, Subject(doc_id="badge.md", source="other"))
    assert receipt["touched"]["document_changes"] == 1
    assert receipt["same_text_elsewhere"] == ["badge.md"]
    assert sound(house)


def test_copies_under_other_names_go_with_it_if_wanted(house: House) -> None:
    (house.docs / "renamed.md").write_bytes((house.docs / f"{MARKER}.md").read_bytes())
    house.night(5)
    seen = erase(house.settings, SECRET, dry_run=True)
    assert seen["same_text_elsewhere"] == ["renamed.md"]
    erase(house.settings, Subject(doc_id=SECRET.doc_id, copies=True))
    assert not any(f"Only {MARKER}" in text for text in texts_in(house))
    assert files_with(house, MARKER) == []
    assert sound(house)


@pytest.mark.parametrize("at", ["rebuild", "seal_tables", "_forget_bytes"])
def test_a_killed_erasure_is_finished_by_the_next(
    house: House, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Lakehouse if at == "seal_tables" else erasure_execution, at, killed)
        erase(house.settings, SECRET)
    if at != "seal_tables":  # by then it is done but for the seals of the tables
        receipt = erase(house.settings, SECRET)
        assert receipt["releases"] == [4, 3, 2]
    else:
        house.put("printer", "Another printer.")
        house.night(5)
    assert files_with(house, MARKER) == [] or at == "seal_tables"
    assert not any(f"Only {MARKER}" in text for text in texts_in(house))
    assert sound(house)


def test_a_user_leaves_with_requests_votes_examples_and_marked_adapters(house: House) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    lake = house.lake

    def request(number: int, user: str) -> dict:
        return {
            "request_id": f"q{number}",
            "asked_at": at,
            "user_id": user,
            "details": "{}",
            "question": f"{user} asks {number}",
            "context_chunks": [],
        }

    def vote(number: int, user: str) -> dict:
        return {
            "request_id": f"q{number}",
            "user_id": user,
            "rated_at": at,
            "rating": -1,
            "comment": f"{user} dislikes",
        }

    lake.delta("requests").append([request(1, MARKER), request(2, "bob"), request(3, "bob")])
    lake.delta("votes").append([vote(1, "bob"), vote(2, MARKER), vote(3, "bob")])
    asked = [sha256_text(f"{MARKER} asks 1"), sha256_text("bob asks 2")]
    lake.vectors.append("toy-questions", asked, np.ones((2, 4), np.float32))
    lake.delta("training_examples").append(
        [{"example_id": f"e{n}", "request_id": f"q{n}", "example": "{}"} for n in (1, 2)]
    )
    lake.delta("triage").append(
        [
            {
                "request_id": f"q{n}",
                "ordinal": 1,
                "cause": "model_fault",
                "action": "",
                "at": at,
                "fingerprint": "",
                "evidence": "{}",
                "documents": "[]",
                "run_id": "r",
            }
            for n in (1, 2, 3)
        ]
    )
    lake.delta("synthetic_corrections").append(
        [{"key": f"k{n}", "request_id": f"q{n}", "content": "{}"} for n in (1, 3)]
    )
    lake.delta("rejected_examples").append(
        [
            {"dataset": "d", "request_id": f"q{n}", "reason": "empty", "details": "{}"}
            for n in (2, 3)
        ]
    )
    lake.delta("evaluations").append(
        [{"adapter_id": "a", "request_id": "q1", "part": "held_back", "result": "{}", "ordinal": 1}]
    )
    for n, who in ((1, MARKER), (3, "bob")):
        lake.triage_labels.append(
            [TriageLabel(f"q{n}", "model_fault", "ann", at, f"{who} said so")]
        )
        said = {"one": f"{who} asks", "other": "nothing"}
        row = (f"q{n}", "j", 1, "pair", "equal", 0.0, f"{who} is right", "r", "current")
        lake.judgements.append([Judgement(*row, said, "p", at)])
    refused = [("q9", MARKER), ("q8", "bob"), ("q1", "bob")]
    lake.quarantine.settle(
        [
            (
                "feedback/votes",
                Rejection(
                    request_id,
                    "rating_is_up_or_down",
                    "must",
                    "it is 7",
                    json.dumps({"user_id": user, "row": f"{user} votes 7"}),
                ),
            )
            for request_id, user in refused
        ],
        (),
        "r",
        at,
    )
    adapters = [("a", ["q1", "q2"]), ("b", ["q3"])]
    lake.delta("adapters").append(
        [
            {
                "adapter_id": name,
                "status": "approved",
                "trained_on": ids,
                "recipe": "{}",
                "ordinal": 1,
            }
            for name, ids in adapters
        ]
    )
    receipt = erase(house.settings, Subject(user_id=MARKER))
    assert receipt["touched"] == {
        "requests": 1,
        "votes": 2,
        "triage": 2,
        "training_examples": 2,
        "synthetic_corrections": 1,
        "rejected_examples": 1,
        "evaluations": 1,
        "adapters_to_retrain": 1,
        "quarantine": 2,
        "question_vectors": 1,
        "judgements": 1,
        "triage_labels": 1,
        "runs": 0,
    }
    assert lake.vectors.known("toy-questions", asked) == {asked[1]}
    of_feedback = [row.doc_id for row in lake.quarantine.rows() if "/" in row.source]
    assert of_feedback == ["q8"]
    assert lake.delta("requests").read()["request_id"].to_pylist() == ["q2", "q3"]
    assert lake.delta("votes").read()["request_id"].to_pylist() == ["q3"]
    newest: pa.Table = lake.delta("adapters").query("SELECT * FROM log ORDER BY ordinal")
    assert [(row["adapter_id"], row["status"]) for row in newest.to_pylist()[-1:]] == [
        ("a", "retrain")
    ]
    assert f"{MARKER} asks" not in "".join(texts_in(house))


def test_requests_that_were_shown_the_document_go_with_it(house: House) -> None:
    release: Release = house.release(3)
    chunk = next(
        row["chunk_id"]
        for row in house.lake.read(release).least_rows(99)
        if row["doc_id"] == SECRET.doc_id
    )
    at = datetime(2026, 3, 4, tzinfo=UTC)
    shown = {"request_id": "q1", "asked_at": at, "user_id": "u", "question": "?", "details": "{}"}
    house.lake.delta("requests").append(
        [shown | {"context_chunks": [chunk]}, shown | {"request_id": "q2", "context_chunks": []}]
    )
    receipt = erase(house.settings, SECRET)
    assert receipt["touched"]["requests"] == 1
    assert house.lake.delta("requests").read()["request_id"].to_pylist() == ["q2"]


def test_nothing_is_built_on_an_erasure_that_was_killed(house: House) -> None:
    """Its text stands in the index still, and would go on under a digest that nothing repeats."""
    begun = document_subject("documents", "backup.md")
    house.lake.erasures.append(begun, "document", "started", datetime.now(UTC), {"plan": {}})
    releases = house.releases
    house.put("later", "A document that came later.")
    for write in (
        lambda: house.night(9),
        lambda: retention.apply(house.settings),
        lambda: heal(house.settings),
        lambda: restore(house.settings, 2),
    ):
        with pytest.raises(RunRefused, match="until the same `almanac erase --doc ID` was run"):
            write()
    assert house.releases == releases


def test_the_journal_is_erased_with_the_rest(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def log(user: str, text: str = "nothing") -> str:
        return log_request(
            house.lake, question="Who knows?", response=text, context=[], user_id=user
        )

    told = f"Only {MARKER}-two knows, and nobody else in this house."
    house.put("other", told)
    house.night(5)
    log("ann")
    log("bob", told)
    log(f"{MARKER}-user")
    carried_out = erasure_execution.carry_out

    def late(lake: Lakehouse, plan: Plan) -> None:
        text = told if plan.kind == "document" else "nothing more"
        journal = Journal(journal_places(house.lake.location.uri)[0])
        shown = (Passage("c", text),)
        journal.append_request(Request(plan.receipt, LATE, "ann", "Who knows?", "Them.", shown))
        carried_out(lake, plan)

    monkeypatch.setattr(erasure_execution, "carry_out", late)
    receipt = erase(house.settings, Subject(user_id=f"{MARKER}-user"))
    assert (receipt["touched"]["requests"], receipt["folders"]["journal"]) == (1, 0)
    assert files_with(house, f"{MARKER}-user") == []
    receipt = erase(house.settings, Subject(doc_id="other.md"))
    assert (receipt["touched"]["requests"], receipt["folders"]["journal"]) == (1, 1)
    assert files_with(house, f"{MARKER}-two knows, and") == []
    assert [one.user_id for one in house.lake.requests.rows()] == ["ann", "ann"]
    assert sound(house)

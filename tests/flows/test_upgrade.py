"""A changed model or chunker is published only where it answers as well; a restore holds runs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from schemas.errors import RunRefused
from schemas.settings import load_settings
from tests.flows.conftest import House

TOPICS = {
    "backup": "Backups are written every night to the second site and kept for ninety days.",
    "printer": "A printer that shows a paper jam is opened at the left side and emptied.",
    "travel": "Travel is approved by the head of the department before it is booked.",
    "badge": "A lost badge is reported at the reception, which blocks it and prints another.",
    "mail": "Mailboxes hold ten gigabytes; the archive takes what is older than a year.",
    "vpn": "The tunnel to the office network asks for the token of the day on the phone.",
}
QUESTIONS = {
    "backup": "how long do we keep copies of the data?",
    "printer": "paper is stuck in the machine",
    "travel": "who has to agree to a journey?",
    "badge": "I can't find my entrance card",
    "mail": "how large can my inbox get?",
    "vpn": "how do I reach internal machines from home?",
}
CHANGED = "[chunker]\ntarget_tokens = 40\n"
GATED = CHANGED + '[upgrade]\nquestions = "golden.jsonl"\nmin_questions = 6\nmargin = 0.05\n'


@pytest.fixture
def help_desk(house: House) -> House:
    for name, text in TOPICS.items():
        house.put(f"{name}.md", f"# {name}\n\n{text}\n")
    rows = [{"id": key, "text": text, "relevant": [f"{key}.md"]} for key, text in QUESTIONS.items()]
    golden = house.config.with_name("golden.jsonl")
    golden.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return house


def answering(house: House) -> tuple[int, str]:
    release = house.lake.releases("documents").as_of()
    return release.seq, release.chunker


def test_without_golden_questions_a_person_must_say_so(help_desk: House) -> None:
    first = help_desk.nightly()
    before = answering(help_desk)
    help_desk.configure(CHANGED)
    with pytest.raises(RunRefused, match=r"candidate.*no golden questions.*--as-of 2"):
        help_desk.nightly()
    assert answering(help_desk) == before
    candidate = help_desk.lake.releases("documents").as_of(2)
    assert (candidate.kind, candidate.rows) == ("candidate", 6)
    with pytest.raises(RunRefused, match="release 2 was built"):
        help_desk.nightly()
    assert [one.seq for one in help_desk.lake.releases("documents").history()] == [2, 1]
    accepted = help_desk.nightly(accept_upgrade=True)
    assert accepted["published"] and accepted["chunks"]["embedded"] == 0
    assert accepted["index"]["table"] == candidate.lance_table != first["index"]["table"]


def test_an_upgrade_that_answers_as_well_is_published(help_desk: House) -> None:
    help_desk.nightly()
    help_desk.configure(GATED)
    report = help_desk.nightly()
    assert report["published"] and report["release"] == 2
    old = help_desk.lake.as_of(help_desk.at(1))
    assert old.release.seq == 1 and old.index.text("printer", 1)[0].doc_id == "printer.md"


@pytest.fixture
def shuffled_model(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A model of its own name whose passages get each other's vectors."""
    from dataclasses import replace

    from almanac.embedding import factory, sentence_transformer

    class Shuffled:
        def __init__(self, encoder) -> None:
            self._encoder = encoder
            self.identity = replace(encoder.identity, model="shuffled")
            self.count_tokens = encoder.count_tokens
            self.encode_queries = encoder.encode_queries

        def encode(self, texts):
            return np.roll(self._encoder.encode(texts), 1, axis=0)

    class Backend:
        @staticmethod
        def _plain(settings):
            return settings.model_copy(update={"model": "english"})

        def open_encoder(self, settings):
            return Shuffled(sentence_transformer.open_encoder(self._plain(settings)))

        def identity_of(self, settings):
            found = sentence_transformer.identity_of(self._plain(settings))
            return replace(found, model="shuffled")

        def token_counter(self, settings):
            return sentence_transformer.token_counter(self._plain(settings))

    real = factory._backend
    monkeypatch.setattr(
        factory, "_backend", lambda one: Backend() if one.model == "shuffled" else real(one)
    )
    yield


def test_a_model_with_shuffled_vectors_is_kept_and_not_published(
    help_desk: House, shuffled_model: None
) -> None:
    # Text search would rescue half of a hybrid search over six documents: ask many of them.
    for number in range(60):
        help_desk.put(f"other-{number}.md", f"# Other {number}\n\nNote {number} on {number * 7}.\n")
    help_desk.nightly()
    before = answering(help_desk)
    gate = GATED.replace(CHANGED, '[embedder]\nmodel = "shuffled"\n')
    help_desk.configure(gate)
    with pytest.raises(RunRefused, match=r"recall on 6 golden questions is .*not passed"):
        help_desk.nightly()
    assert answering(help_desk) == before
    help_desk.configure("")
    help_desk.put("late.md", "# Late\n\nA document that came after the refused model.\n")
    report = help_desk.nightly()
    assert report["published"] and report["chunks"]["embedded"] == 1
    assert answering(help_desk) == (3, before[1])


def test_a_restore_with_hold_makes_nights_wait(help_desk: House) -> None:
    from almanac.releases.restore import restore

    help_desk.nightly()
    help_desk.put("new.md", "# New\n\nSomething that should not have been published.\n")
    help_desk.nightly()
    settings = load_settings(help_desk.config)
    back = restore(settings, 1, "publish", reason="wrong document", hold=True)
    assert back["release"] == 3
    held = help_desk.nightly(30)
    assert not held["published"] and "--lift-hold" in held["message"]
    assert answering(help_desk)[0] == 3
    assert {doc_id for doc_id, _ in help_desk.index_rows()} == {f"{name}.md" for name in TOPICS}
    from flows.nightly import nightly

    going_on = nightly(config=str(help_desk.config), lift_hold=True)
    assert (going_on["release"], going_on["chunks"]["embedded"]) == (4, 0)
    assert "new.md" in {doc_id for doc_id, _ in help_desk.index_rows()}

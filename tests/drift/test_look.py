"""A look at a real lakehouse: what it reads, what it embeds, and what it can't judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from almanac.drift.look import Look, look
from almanac.drift.measures import Seen
from almanac.releases.erase import Subject, erase
from almanac.releases.verify import verify
from lakehouse import Lakehouse, open_lakehouse
from lakehouse.placements import moved
from schemas.feedback import Request, Triaged, Vote
from schemas.sections.operating import AnswerDrift, DocumentDrift, QuestionDrift
from schemas.settings import DriftSettings
from tests.drift.worlds import asked
from tests.releases.conftest import FIRST_NIGHT, House, ToyEncoder

END = FIRST_NIGHT + timedelta(days=40)
RULES = DriftSettings(
    resamples=999,
    sample=50,
    documents=DocumentDrift(minimum=10),
    questions=QuestionDrift(minimum=20),
    answers=AnswerDrift(minimum=20),
)


def requests(users: int = 12, seed: int = 0) -> list[Request]:
    """Five weeks up to END."""
    moved = END - max(one.asked_at for one in asked(users, 4, seed)) - timedelta(hours=1)
    return [
        Request(one.request_id, one.asked_at + moved, one.user_id, one.question, "It is so.")
        for one in asked(users, 4, seed)
    ]


def vote(lake: Lakehouse, some: Iterable[Request], rating: int) -> None:
    lake.votes.append(
        Vote(one.request_id, one.user_id, one.asked_at + timedelta(hours=1), rating) for one in some
    )


def in_window(request: Request) -> bool:
    return request.asked_at > END - timedelta(days=7)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Thirty documents on the first night, and as many requests as `requests` gives."""
    house = House(tmp_path_factory.mktemp("drift"))
    house.configure(drift=RULES)
    for at in range(30):
        house.put(f"page-{at}", f"Page {at} says what it says.")
    house.night(1)
    house.lake.requests.append(requests())
    return house


def seen(house: House, kind: str, **when: int) -> Seen:
    found = look(house.settings, END + timedelta(**when), house.encoder)
    return next(one for one in found.seen if one.kind == kind)


def figures(found: Look) -> dict[str, str]:
    return {one.kind: one.reason for one in found.seen}


def test_an_empty_lakehouse_is_not_judged(tmp_path: Path) -> None:
    house = House(tmp_path)
    found = look(house.settings, END, house.encoder)
    assert [one.state for one in found.seen] == ["unknown"] * 3
    assert figures(found) == {
        "documents": "index 'documents' has no release yet: run `almanac nightly` first",
        "questions": "index 'documents' has no release yet: run `almanac nightly` first",
        "answers": "too few: 0 of 50 voted requests in the window",
    }


def test_questions_are_embedded_once_ever(house: House) -> None:
    first = look(house.settings, END, house.encoder)
    drawn = len({one.question for one in house.lake.request_slots.questions(END, RULES)})
    assert stored(house) == drawn
    calls = house.encoder.calls
    again = look(house.settings, END, house.encoder)
    assert house.encoder.calls == calls
    assert again.to_json() == first.to_json()
    asked_of = next(one for one in first.seen if one.kind == "questions")
    assert asked_of.state == "quiet" and asked_of.window + asked_of.reference == drawn
    assert asked_of.drawn["farthest"][0]["nearest"].startswith("documents: page-")


@pytest.fixture
def other(house: House, tmp_path: Path) -> House:
    """The same house, which a test may change."""
    other = house.copied_to(tmp_path / "other")
    other.configure(drift=RULES)
    return other


def stored(house: House) -> int:
    """Vectors of questions."""
    found = house.lake.delta("embeddings").query(
        "SELECT count(*) AS n FROM log WHERE embedder LIKE '%-questions'"
    )
    return int(found["n"][0].as_py())


def without_vectors(house: House) -> House:
    with house.lake.lease("test", "test", 60):
        house.lake.delta("embeddings").delete("embedder LIKE '%-questions'")
        house.lake.seal_tables()
    assert stored(house) == 0
    return house


def test_vectors_are_stored_under_the_lease_or_not_at_all(
    other: House, caplog: pytest.LogCaptureFixture
) -> None:
    without_vectors(other)
    with open_lakehouse(other.settings.lakehouse).lease("someone", "nightly run", 90.0):
        meanwhile = look(other.settings, END, other.encoder)
    assert stored(other) == 0
    assert "are not stored: another writer holds the lakehouse: nightly run" in caplog.text
    assert look(other.settings, END, other.encoder).to_json() == meanwhile.to_json()
    assert stored(other) > 0
    assert verify(other.lake, other.releases)["ok"]


def test_questions_that_are_erased_while_they_are_embedded_leave_no_vector(other: House) -> None:
    drawn = without_vectors(other).lake.request_slots.questions(END, RULES)
    of_user = {one.question for one in drawn if one.user_id == "u3"}

    class Slow(ToyEncoder):
        def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
            erase(other.settings, Subject(user_id="u3"))
            return super().encode_queries(texts)

    look(other.settings, END, Slow())
    assert of_user and stored(other) == len({one.question for one in drawn} - of_user)


def test_a_look_takes_nothing_from_after_its_time(house: House) -> None:
    before = figures(look(house.settings, END - timedelta(days=7), house.encoder))
    assert before["documents"] == "too few: 0 of 10 documents changed"
    window = seen(house, "questions", days=-7).window
    week = [
        one for one in requests() if not in_window(one) and one.asked_at > END - timedelta(days=14)
    ]
    assert 0 < window <= len(week)
    assert seen(house, "questions", days=-41).reason.startswith("nothing was released by")


def test_a_sample_is_drawn_by_hash_and_bounded(house: House) -> None:
    few = RULES.model_copy(update={"sample": 10, "max_per_user": 2})
    drawn = house.lake.request_slots.questions(END, few)
    by_slot = {slot: [one for one in drawn if one.slot == slot] for slot in range(5)}
    assert {slot: len(some) for slot, some in by_slot.items()} == dict.fromkeys(range(5), 10)
    for some in by_slot.values():
        users = [one.user_id for one in some]
        assert max(map(users.count, users)) <= 2
    assert drawn == house.lake.request_slots.questions(END, few)
    assert drawn != house.lake.request_slots.questions(END, few.model_copy(update={"seed": 1}))


def test_a_question_that_a_user_repeats_counts_once(house: House, tmp_path: Path) -> None:
    other = House(tmp_path)
    some = requests()
    twice = [replace(one, request_id=f"{one.request_id}-again") for one in some]
    other.lake.requests.append([*some, *twice])
    assert len(other.lake.request_slots.questions(END, DriftSettings())) == len(some)


def test_documents_in_another_script_move_the_whole(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.configure(drift=RULES)
    for at in range(30):
        house.put(f"page-{at}", f"Page {at} says what it says.")
    house.night(1)
    assert seen(house, "documents", days=-40).reason == "the index is younger than 7 days"
    for at in range(10):
        house.put(f"page-{at}", f"Page {at} tells {'this' if at % 2 else 'what it does'}.")
    house.night(35)
    revised = seen(house, "documents")
    assert (revised.state, revised.window, revised.reference) == ("quiet", 10, 30)
    for at in range(15):
        house.put(f"страница-{at}", f"Страница {at} говорит то, что она говорит.")
    house.night(36)
    found = seen(house, "documents")
    assert found.state == "drift" and "script" in found.reason
    script = found.measures[2]
    assert 0.25 < script.effect <= 1 / 3  # the share of the new ones, less what chance gives
    assert {name: found.drawn[name] for name in ("added", "removed", "revised")} == {
        "added": 15,
        "removed": 0,
        "revised": 10,
    }


def test_another_model_in_the_window_moves_nothing(tmp_path: Path) -> None:
    """Texts that went before it came have no vector of it: no pair, so no change."""
    house = House(tmp_path)
    house.configure(drift=RULES)
    for at in range(30):
        house.put(f"page-{at}", f"Page {at} says what it says.")
    house.night(1)
    for at in range(15):
        house.put(f"page-{at}", f"Страница {at} говорит то, что она говорит.")
    house.night(35)
    house.encoder = ToyEncoder(2)
    house.put("page-15", "Page 15 says so anew.")
    house.night(36)
    found = seen(house, "documents")
    assert (found.state, found.reason) == (
        "unknown",
        "too few: 0 of 16 changed documents have passages of the present chunker and embedder",
    )
    for at in range(16, 28):
        house.put(f"page-{at}", f"Page {at} says so anew.")
    house.night(37)
    revised = seen(house, "documents")
    assert (revised.state, revised.window) == ("quiet", 28)
    script = revised.measures[2]
    assert (script.name, script.effect) == ("script", 0.0)


def test_a_reference_that_is_gone_is_not_held_against(other: House) -> None:
    lake = other.lake
    for at in range(10):
        other.put(f"page-{at}", f"Page {at} is another.")
    other.night(39)
    (first,) = [one for one in other.releases if one.seq == 1]
    with lake.lease("test", "test", 60):
        lake.placements.append([moved(lake, first, "gone", run_id="r", cause="older than 1 day")])
    assert seen(other, "documents").reason.startswith("release 1 of 2026-03-01T02:00:00Z is gone:")


def test_votes_and_verdicts_make_the_measures_of_answers(house: House) -> None:
    lake = house.lake
    some = [one for one in requests() if one.request_id.endswith(("0", "2"))]
    rest = [one for one in requests() if not one.request_id.endswith(("0", "2"))]
    vote(lake, rest, 1)
    vote(lake, some, -1)
    assert seen(house, "answers").state == "quiet"
    worse = [one for one in rest if in_window(one)]
    lake.votes.append(
        Vote(one.request_id, "someone", one.asked_at + timedelta(hours=2), -1) for one in worse
    )
    found = seen(house, "answers")
    assert (found.state, [one.name for one in found.measures]) == ("drift", ["dislikes"])
    assert found.measures[0].window == 1.0
    faults = [Triaged(one.request_id, "model_fault", "", {}, (), "f") for one in [*some, *worse]]
    lake.triage.record(faults, "run", END)
    assert [one.name for one in seen(house, "answers").measures if one.moved] == [
        "dislikes",
        "model_faults",
    ]

"""Steps of adapters: one at a time, each with who and why, never two at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from almanac.adapters import promotion
from almanac.adapters.reading import history, listing, showing
from almanac.adapters.registry import current
from almanac.releases.erase import Subject, erase
from schemas.errors import AdapterRefused, LeaseHeld
from schemas.feedback import Request
from schemas.settings import IndexSettings, LeaseSettings
from tests.adapters.conftest import House

GATE = ("the gate", "+9 % [4, 13]")


def test_an_offered_adapter_goes_one_step_at_a_time(house: House) -> None:
    offered = house.offer("a1")
    assert (offered["was"], offered["stage"], offered["run_id"]) == (None, "candidate", "flow-1")
    assert current(house.lake) is None
    first = promotion.approve(house.settings, "a1", "ann", "reads well")
    assert (first["was"], first["stage"], first["production"]) == ("candidate", "staging", None)
    second = promotion.approve(house.settings, "a1", "bob", "fine", to="production")
    assert (second["was"], second["stage"], second["production"]) == ("staging", "production", "a1")
    assert house.steps == [
        ("a1", "candidate", *GATE),
        ("a1", "staging", "ann", "reads well"),
        ("a1", "production", "bob", "fine"),
    ]
    found = current(house.lake)
    assert found and (found.adapter_id, found.trained_on) == ("a1", ("r1", "r2"))
    with pytest.raises(AdapterRefused, match="is production: it is in production already"):
        promotion.approve(house.settings, "a1", "ann", "fine")


def test_who_comes_into_production_archives_who_was_there(house: House) -> None:
    house.promote("a1")
    house.promote("b2")
    assert house.stages == {"a1": "archived", "b2": "production"}
    assert house.steps[-1] == ("a1", "archived", "bob", "b2 took its place")
    with pytest.raises(AdapterRefused, match="`almanac adapters rollback`"):
        promotion.approve(house.settings, "a1", "ann", "fine")


def test_each_index_has_its_own_production(house: House) -> None:
    house.promote("a1")
    house.settings = house.settings.model_copy(update={"index": IndexSettings(name="wiki")})
    house.promote("b2")
    assert house.stages == {"a1": "production", "b2": "production"}
    found = current(house.lake, "production", "almanac-documents")
    assert found and found.adapter_id == "a1"
    assert listing(house.settings)["production"] == "b2"


def test_a_rollback_takes_the_last_promotion_back(house: House) -> None:
    for name in ("a1", "b2", "c3"):
        house.promote(name)
    told = promotion.rollback(house.settings, "eve", "wrong answers")
    assert (told["adapter"], told["stage"], told["production"]) == ("c3", "staging", "b2")
    assert house.steps[-2:] == [
        ("c3", "staging", "eve", "wrong answers"),
        ("b2", "production", "eve", "wrong answers"),
    ]
    promotion.approve(house.settings, "c3", "ann", "fine")
    promotion.rollback(house.settings, "eve")
    assert promotion.rollback(house.settings, "eve")["production"] == "a1"
    assert house.stages == {"a1": "production", "b2": "staging", "c3": "staging"}
    with pytest.raises(AdapterRefused, match=r"no adapter .* was in production before"):
        promotion.rollback(house.settings, "eve")
    assert promotion.rollback(house.settings, "eve", to_base=True)["production"] is None
    with pytest.raises(AdapterRefused, match="is in production: there is nothing to undo"):
        promotion.rollback(house.settings, "eve")


def test_after_the_base_alone_nothing_older_comes_back(house: House) -> None:
    house.promote("a1")
    house.promote("b2")
    promotion.rollback(house.settings, "eve", to_base=True)
    house.promote("c3")
    with pytest.raises(AdapterRefused, match="no adapter of almanac-documents was in production"):
        promotion.rollback(house.settings, "eve")
    assert house.stages == {"a1": "archived", "b2": "staging", "c3": "production"}


def test_a_rollback_wants_whole_files(house: House) -> None:
    house.promote("a1")
    house.promote("b2")
    house.lake.put_file("adapters/a1/adapter_config.json", b"{}")
    with pytest.raises(AdapterRefused, match=r"adapter_config\.json of adapter a1 is damaged"):
        promotion.rollback(house.settings, "eve")
    assert house.stages["b2"] == "production"
    assert showing(house.settings, "a1")["warnings"] == [
        "adapters/a1/adapter_config.json of adapter a1 is damaged: bring it back from a backup"
    ]


def test_what_the_gate_or_a_person_refused_goes_no_further(house: House) -> None:
    house.offer("bad", offered=False)
    with pytest.raises(AdapterRefused, match=r"is refused: the gate refused it \(\+9 % \[4, 13\]"):
        promotion.approve(house.settings, "bad", "ann", "fine")
    house.offer("a1")
    promotion.reject(house.settings, "a1", "ann", "too curt")
    with pytest.raises(AdapterRefused, match=r"is rejected: ann rejected it \(too curt\)"):
        promotion.approve(house.settings, "a1", "bob", "fine")
    with pytest.raises(AdapterRefused, match="is rejected already"):
        promotion.reject(house.settings, "a1", "bob", "fine")
    house.promote("b2")
    with pytest.raises(AdapterRefused, match="`almanac adapters rollback` comes first"):
        promotion.reject(house.settings, "b2", "bob", "fine")
    with pytest.raises(AdapterRefused, match="no adapters begin with 'nope'"):
        promotion.approve(house.settings, "nope", "ann", "fine")
    with pytest.raises(AdapterRefused, match="say which adapter"):
        promotion.approve(house.settings, "", "ann", "fine")


def test_the_gate_may_judge_again_until_a_person_did(house: House) -> None:
    house.offer("a1", offered=False)
    assert house.offer("a1")["stage"] == "candidate"
    promotion.reject(house.settings, "a1", "ann", "fine")
    assert house.offer("a1")["stage"] == "rejected"
    assert [step[1] for step in house.steps] == ["refused", "candidate", "rejected"]


def test_an_approval_that_means_another_step_is_refused(house: House) -> None:
    house.offer("a1")
    with pytest.raises(AdapterRefused, match="is candidate: its next step is staging"):
        promotion.approve(house.settings, "a1", "ann", "fine", to="production")
    promotion.approve(house.settings, "a1", "ann", "fine", to="staging")
    with pytest.raises(AdapterRefused, match="is staging: its next step is production"):
        promotion.approve(house.settings, "a1", "ann", "fine", to="staging")


@pytest.mark.parametrize("wait", [0.0, 20.0])
def test_of_two_approvals_at_once_one_wins(house: House, wait: float) -> None:
    house.offer("a1")
    lease = LeaseSettings(wait_seconds=wait)
    settings = house.settings.model_copy(update={"lease": lease})
    told: list[Any] = []
    ready = threading.Barrier(2)

    def approve(actor: str) -> None:
        ready.wait()
        try:
            told.append(promotion.approve(settings, "a1", actor, "fine", to="staging")["stage"])
        except (AdapterRefused, LeaseHeld) as error:
            told.append(error)

    people = [threading.Thread(target=approve, args=(name,)) for name in ("ann", "bob")]
    with house.lake.lease("night", "nightly run", 60) if wait else threading.Lock():
        for person in people:
            person.start()
        if wait:
            threading.Event().wait(1)  # both have looked, and wait for the lease
    for person in people:
        person.join()
    errors = [one for one in told if one != "staging"]
    assert len(told) == 2 and len(errors) == 1
    assert house.stages == {"a1": "staging"}
    if wait:
        assert "was moved meanwhile, to staging by" in str(errors[0])


def test_an_erasure_marks_for_good_and_is_loud_in_production(house: House) -> None:
    house.promote("a1")
    house.promote("b2")
    house.offer("c3")
    asked = house.lake.adapters.find("b2").at
    assert asked
    house.lake.requests.append([Request("r1", asked, "user-7", "q", "a")])
    erase(house.settings, Subject(user_id="user-7"))
    assert listing(house.settings)["warnings"] == [
        "adapter b2 (production) was trained on data that was erased since, AND IT ANSWERS: "
        "tune again and approve, or `almanac adapters rollback`",
        "adapter a1 (archived) was trained on data that was erased since: it goes no further",
        "adapter c3 (candidate) was trained on data that was erased since: it goes no further",
    ]
    found = current(house.lake)
    assert found and (found.adapter_id, found.status) == ("b2", "retrain")
    with pytest.raises(AdapterRefused, match="was trained on data that was erased"):
        promotion.approve(house.settings, "c3", "ann", "fine")
    with pytest.raises(AdapterRefused, match="a1, which was there before, was trained on erased"):
        promotion.rollback(house.settings, "eve")
    promotion.rollback(house.settings, "eve", to_base=True)
    assert house.stages == {"a1": "archived", "b2": "staging", "c3": "candidate"}
    with pytest.raises(AdapterRefused, match="goes no further"):
        promotion.approve(house.settings, "b2", "ann", "fine")


def test_every_step_is_in_the_audit_and_in_the_runs(house: House) -> None:
    house.promote("a1")
    steps = history(house.settings, "a1")["steps"]
    assert [(one["to"], one["actor"]) for one in steps] == [
        ("candidate", "the gate"),
        ("staging", "ann"),
        ("production", "bob"),
    ]
    runs = house.lake.delta("runs").read().to_pylist()
    assert {one["run_id"] for one in steps} == {one["run_id"] for one in runs}
    assert all(one["status"] == "done" for one in runs)


def test_a_step_needs_a_reason(house: House) -> None:
    house.offer("a1")
    for step in (promotion.approve, promotion.reject):
        with pytest.raises(AdapterRefused, match=r"say why you (approve|reject) it \(--reason\)"):
            step(house.settings, "a1", "ann", " ")
    assert house.stages == {"a1": "candidate"}


def test_two_people_where_two_are_wanted(house: House) -> None:
    tuning = house.settings.tuning.model_copy(update={"approvers": 2})
    settings = house.settings.model_copy(update={"tuning": tuning})
    house.offer("a1")
    first = promotion.approve(settings, "a1", "Ann", "reads well")
    assert (first["stage"], first["waits_for"]) == (
        "candidate",
        "another person than Ann to approve staging, too",
    )
    with pytest.raises(AdapterRefused, match="ann approved adapter a1 already"):
        promotion.approve(settings, "a1", "ann", "again")
    assert promotion.approve(settings, "a1", "bob", "so it does")["stage"] == "staging"
    # The next step needs two again.
    assert promotion.approve(settings, "a1", "ann", "after a week")["stage"] == "staging"
    assert promotion.approve(settings, "a1", "bob", "yes")["stage"] == "production"
    assert [(stage, who) for _, stage, who, _ in house.steps] == [
        ("candidate", GATE[0]),
        ("candidate", "Ann"),
        ("staging", "bob"),
        ("staging", "ann"),
        ("production", "bob"),
    ]

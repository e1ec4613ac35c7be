"""Rollouts at a running server: what is worse goes back by itself, what is not reaches all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import expect

from almanac.assistants import prompts
from almanac.assistants.configured import configured_version
from almanac.assistants.spec import changed
from almanac.assistants.stages import rollback
from almanac.assistants.standing import production, stage_of
from almanac.assistants.template import Prompt
from almanac.rollouts import steps
from almanac.rollouts.staging import present_version
from almanac.rollouts.state import Rollout
from lakehouse import Lakehouse
from lakehouse.assistants import StageStep, StoredVersion
from testing.chat_endpoint import StubModel
from tests.browser.ui import browser
from tests.llm.server import Answer, ChatEndpoint, judges, serving
from tests.serving.conftest import FIRST, House, Served, text_of

SETTINGS = """
[serving]
poll_seconds = 0.2
flush_seconds = 0.5
[rollouts]
schedule = [0.0, 0.5, 1.0]
min_minutes = 0
sample = 1.0
margin = 0.4
min_pairs = 10
min_step_pairs = 5
check_seconds = 0.5
lease_seconds = 0.5
queue = 8
[judge]
model = "judge-1"
max_retries = 0
"""
QUESTION = "Who approves travel?"
SAID = "Your manager approves travel that costs over 500 euro [1]."
CLIENTS = 8


def prefers_knowledge(request: dict[str, Any]) -> Answer:
    """A judge to whom an answer with the amount is better than one without."""
    asked = request["messages"][1]["content"].partition("<answer_a>")[2]
    a, b = ("500 euro" in part for part in asked.split("</answer_a>"))
    return judges("equal" if a == b else "A" if a else "B")(request)


@dataclass
class Users:
    """Clients that ask and stream all the while; what failed, and who was answered by what."""

    served: Served
    failed: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Users:
        self.threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(30)

    def _ask(self, number: int) -> None:
        body = {
            "model": "documents",
            "user": f"user {number}",
            "stream": True,
            "messages": [{"role": "user", "content": QUESTION}],
        }
        with httpx.Client(base_url=self.served.address, timeout=30) as client:
            while not self.stopping.wait(0.4):
                try:
                    response = client.post("/v1/chat/completions", json=body)
                    parts = [part[6:] for part in response.text.split("\n\n") if part]
                    events = [json.loads(part) for part in parts[:-1]]
                except (httpx.HTTPError, ValueError) as error:
                    self.failed.append(repr(error))
                    continue
                if parts[-1] != "[DONE]" or any("error" in one for one in events):
                    self.failed.append(response.text)
                    continue
                about = events[-1]["almanac"] | {"said": text_of(events), "user": number}
                self.answers.append(about | {"at": time.monotonic()})


@dataclass
class Place:
    """A served house with a judge, and versions to roll out."""

    house: House
    served: Served
    judge: ChatEndpoint

    @property
    def lake(self) -> Lakehouse:
        return self.house.lake

    @property
    def present(self) -> str:
        return present_version(self.house.settings, self.lake, "documents")

    def candidate(self, order: str) -> str:
        """A version in staging whose prompt puts a word before the question."""
        found = configured_version(self.house.settings, "documents")
        text = found.prompt.template.replace("Question: ", f"Question: {order} ")
        stored, _ = prompts.keep(self.lake, Prompt(text, "other"), "other", "ann")
        spec = changed(found.spec, {"prompt": stored.prompt_id})
        version = StoredVersion(spec.version, "documents", spec.plain(), "ann", stored.at)
        self.lake.assistant_versions.keep(version)
        step = StageStep("documents", spec.version, "staging", "ann", "ok", stored.at, "test")
        with self.lake.lease("ann", "test", 30, 30):
            self.lake.assistant_stages.append([step])
        return spec.version

    def start(self, version: str, ab: float | None = None) -> str:
        settings = self.house.settings  # the server's own writing may be under way
        patient = settings.lease.model_copy(update={"wait_seconds": 30})
        settings = settings.model_copy(update={"lease": patient})
        return steps.start(settings, "documents", version, self.present, "ann", ab=ab).rollout

    def ended(self, name: str, seconds: float = 40) -> Rollout:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = steps.find(self.lake, name)
            if not found.is_open:
                return found
            time.sleep(0.3)
        raise AssertionError([(one.share, one.reason) for one in found.steps])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model: StubModel) -> Iterator[Place]:
    with serving(prefers_knowledge) as judge:
        house = House(tmp_path_factory.mktemp("rollouts"), model)
        config = house.config.read_text().replace("[serving]\npoll_seconds = 0.2\n", "")
        house.config.write_text(f'{config}{SETTINGS}base_url = "{judge.url}"\n')
        house.night("2026-03-01", FIRST)
        with house.served() as served:
            yield Place(house, served, judge)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


class Ended(NamedTuple):
    """A rollout from its start to its end, with the users who asked meanwhile."""

    before: str  # the version in production until then
    version: str
    users: Users
    rollout: str
    end: Rollout
    moment: float = 0.0  # from which every user's question was asked after the end


@pytest.fixture(scope="module")
def worse(place: Place) -> Ended:
    """A prompt that answers worse."""
    before, version = place.present, place.candidate("UNKNOWN")
    with Users(place.served) as users:
        name = place.start(version)
        end = place.ended(name)
    return Ended(before, version, users, name, end)


@pytest.fixture(scope="module")
def broken(place: Place, worse: Ended) -> Ended:
    """A model that fails, in an A/B test, while a night holds the lease."""
    before, version = place.present, place.candidate("BROKEN")
    with Users(place.served) as users:
        name = place.start(version, ab=0.5)
        with place.lake.lease("a night", "nightly", 30, 30):  # no row can be written meanwhile
            told = f"/v1/rollouts/{name}"
            wait_for(lambda: place.served.client.get(told).json()["fallen"] is not None)
            assert len(steps.find(place.lake, name).steps) == 1
        end = place.ended(name)
        wait_for(lambda: len(users.answers) > 20)
    return Ended(before, version, users, name, end)


@pytest.fixture(scope="module")
def equal(place: Place, broken: Ended) -> Ended:
    """A prompt that is no worse."""
    before, version = place.present, place.candidate("Please:")
    with Users(place.served) as users:
        name = place.start(version)
        end = place.ended(name)
        wait_for(lambda: users.answers[-1]["version"] == version[:12])
        moment = time.monotonic() + 0.5
        wait_for(lambda: users.answers[-1]["at"] > moment + 0.3)
    return Ended(before, version, users, name, end, moment)


def test_a_worse_prompt_goes_back_by_itself_before_a_user_meets_it(
    place: Place, worse: Ended
) -> None:
    before, version, users, name, end, _ = worse
    assert users.failed == []
    assert (end.last.state, end.last.actor) == ("rolled_back", "the server")
    assert end.last.reason.startswith("worse by the judge's pairs, -100.0% (")
    assert [step.share for step in end.steps] == [0.0, 0.0]  # in the background alone
    assert {one["version"] for one in users.answers} == {before[:12]}
    assert {one["said"] for one in users.answers} == {SAID}
    assert stage_of(place.lake, version) == "rejected"
    judged = place.lake.judgements.of_rollout(name)
    assert {(one.verdict, one.score, one.arm) for one in judged} == {("current", -1.0, "current")}
    assert judged[0].result["answer"] == "I don't know."
    assert judged[0].result["orders"] == ["second", "second"]
    request = place.served.client.get(f"/v1/requests/{judged[0].request_id}").json()["request"]
    assert (request["rollout"], request["arm"]) == (name, "current")
    again = place.served.chat(QUESTION).json()["id"]
    after = place.served.client.get(f"/v1/requests/{again}").json()["request"]
    assert after["prompt"] == request["prompt"]  # byte for byte what it was
    assert (after["release"], after["model"]) == (request["release"], request["model"])


def test_a_broken_model_is_answered_for_and_goes_back_at_once(place: Place, broken: Ended) -> None:
    before, _, users, name, end, _ = broken
    assert users.failed == []
    assert end.last.state == "rolled_back"
    assert end.last.reason == "5 answers of the candidate failed in a row"
    assert {one["version"] for one in users.answers} == {before[:12]}
    wait_for(lambda: len(place.lake.rollouts.answers(name, end.started_at)) >= 5)
    failed = [
        one for one in place.lake.rollouts.answers(name, end.started_at) if one.arm == "candidate"
    ]
    assert {one.status for one in failed} == {"failed"}


def test_one_that_is_no_worse_reaches_everybody_and_takes_the_place(
    place: Place, equal: Ended
) -> None:
    before, version, users, _, end, moment = equal
    assert users.failed == []
    assert [step.share for step in end.steps] == [0.0, 0.5, 1.0, 1.0]
    assert end.last.state == "promoted"
    assert production(place.lake) == {"documents": version}
    late = {one["version"] for one in users.answers if one["at"] > moment}
    assert late == {version[:12]}
    # Whoever got the candidate kept it.
    for user in range(CLIENTS):
        versions = [one["version"] for one in users.answers if one["user"] == user]
        changes = sum(a != b for a, b in pairwise(versions))
        assert changes == 1, versions
        assert (versions[0], versions[-1]) == (before[:12], version[:12])


def test_a_promotion_can_be_taken_back_with_its_index(place: Place, equal: Ended) -> None:
    promoted = equal.version
    found = configured_version(place.house.settings, "documents")
    settings = place.house.settings
    patient = settings.lease.model_copy(update={"wait_seconds": 30})
    rollback(
        settings.model_copy(update={"lease": patient}), "documents", "ann", "on second thought"
    )
    back = place.lake.assistant_versions.find(production(place.lake)["documents"])
    assert back.version != promoted
    assert (back.spec["prompt"], back.spec["release"]) == (found.spec.prompt, "1")


def test_the_figures_and_the_pairs_are_told(place: Place, worse: Ended, equal: Ended) -> None:
    get = place.served.client.get
    every = get("/v1/rollouts").json()["rollouts"]
    assert [(one["state"], one["test"]) for one in every] == [
        ("promoted", False),
        ("rolled_back", True),
        ("rolled_back", False),
    ]
    assert every[-1]["rollout"] == worse.rollout
    told = get(f"/v1/rollouts/{worse.rollout[:8]}").json()
    assert told["judge"] == "judge-1"
    assert told["evidence"]["intervals"]["judge"]["upper"] < 0
    assert told["verdict_reason"].startswith("worse by the judge's pairs")
    pair = told["examples"][0]
    assert (pair["question"], pair["verdict"]) == (QUESTION, "current")
    assert (pair["candidate"], pair["current"]) == ("I don't know.", SAID)
    assert get("/v1/rollouts/none").status_code == 404
    assert 'src="/page/rollouts.js"' in get("/rollouts").text == get("/rollouts/anything").text
    assert get("/page/rollouts.js").status_code == 200


@pytest.mark.slow
def test_the_page_shows_a_rollout_that_went_back(place: Place, worse: Ended) -> None:
    with browser() as program:
        page = program.new_page(viewport={"width": 1200, "height": 1400})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{place.served.address}/rollouts")
        every = place.served.client.get("/v1/rollouts").json()["rollouts"]
        expect(page.locator("#every tbody tr")).to_have_count(len(every))
        page.locator(f'#every a[href="/rollouts/{worse.rollout}"]').click()
        expect(page.locator("#headline")).to_contain_text("rolled back")
        expect(page.locator("#verdict")).to_contain_text("worse by the judge's pairs, -100.0%")
        expect(page.locator("#intervals svg")).to_have_count(3)
        expect(page.locator("#intervals .worse")).to_have_count(1)
        pair = page.locator(".pair").first
        expect(pair.locator(".better")).to_contain_text("500 euro")
        expect(page.locator("#figures")).to_contain_text("judge-1")
        assert problems == []
        page.context.close()


def test_metrics_tell_the_share_and_another_version_ends_it(place: Place) -> None:
    name = place.start(place.candidate("Kindly:"), ab=0.5)
    found = ""

    def is_told() -> bool:
        nonlocal found
        found = place.served.client.get("/metrics").text
        return 'almanac_rollout_share{assistant="documents"} 0.5' in found

    wait_for(is_told)
    assert 'almanac_rollout_verdict{assistant="documents"} 0.0' in found
    for user in range(20):  # what no version can answer is no failure of the candidate
        unknown = place.served.chat(QUESTION, user=f"user {user}", almanac={"as_of": 99})
        assert unknown.status_code == 404, unknown.text
    assert place.served.client.get(f"/v1/rollouts/{name}").json()["fallen"] is None
    # Somebody puts another version into production meanwhile: it answers everybody.
    other = place.candidate("Once more:")
    step = replace(place.lake.assistant_stages.steps()[-1], stage="production")
    with place.lake.lease("ann", "test", 30, 30):
        place.lake.assistant_stages.append([step])
    assert place.ended(name).last.reason == f"version {other[:12]} answers meanwhile"
    assert place.ended(name).last.state == "expired"
    wait_for(lambda: "almanac_rollout_share{" not in place.served.client.get("/metrics").text)
